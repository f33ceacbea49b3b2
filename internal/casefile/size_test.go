package casefile_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// large is a Swarm of so many nodes that share so many rows each, that no two of
// its rows are alike.
func large(nodes, rows int) *fact.Snapshot {
	s := facttest.Mesh()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range nodes {
		n := s.Nodes[i%3]
		k := *n.Kernel
		k.Namespaces = append([]fact.NetNS(nil), k.Namespaces...)
		ns := &k.Namespaces[0]
		ns.FDB = nil
		for range rows {
			var m fact.MAC
			for b := range m {
				m[b] = byte(r.Uint32())
			}
			ns.FDB = append(ns.FDB, fact.FDBEntry{MAC: m, Dst: netip.AddrFrom4([4]byte{10, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}), Self: true, Permanent: true})
		}
		n.Kernel = &k
		s.Nodes = append(s.Nodes, n)
	}
	return s
}

// TestTheSecondLookCostsLittle: it repeats most of the first one, and compression
// sees that, however large a look is.
func TestTheSecondLookCostsLittle(t *testing.T) {
	for _, size := range []struct{ nodes, rows int }{{3, 200}, {30, 2000}, {100, 1500}} {
		s := large(size.nodes, size.rows)
		one := len(written(t, s))
		again := *s
		s.Earlier = &again
		two := len(written(t, s))
		t.Logf("%d nodes: one look %d KiB, two looks %d KiB", size.nodes, one>>10, two>>10)
		if two > one+one/4 {
			t.Errorf("%d nodes: one look %d bytes, two looks %d", size.nodes, one, two)
		}
	}
}
