package check_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// source gives node i's way to node k another source address, one the host has.
func source(s *fact.Snapshot, i, k int, src netip.Addr) {
	host := facttest.NodeOf(s, i).Kernel.Host()
	eth := host.LinkNamed("eth0")
	if !slices.Contains(eth.Addrs, netip.PrefixFrom(src, 24)) {
		eth.Addrs = append(eth.Addrs, netip.PrefixFrom(src, 24))
	}
	for n := range host.Lookups {
		if host.Lookups[n].Dst == facttest.VTEP(k) {
			host.Lookups[n].Src = src
		}
	}
}

func TestVTEPSourceMismatch(t *testing.T) {
	id := "vtep-source-mismatch"
	second := netip.MustParseAddr("10.77.0.111")
	mutations(t, []mutation{
		{name: "towards one peer", mutate: func(s *fact.Snapshot) {
			source(s, 1, 2, second)
			loseVXLAN(s, 1, 2)
		}, want: want{id: id, node: "n1", peer: "n2", subject: "n1", certainty: check.Proof}, explain: 2},
		{name: "towards every peer", mutate: func(s *fact.Snapshot) {
			source(s, 1, 2, second)
			source(s, 1, 3, second)
			loseVXLAN(s, 1, 2)
			loseVXLAN(s, 1, 3)
		}, want: want{id: id, node: "n1", subject: "n1", certainty: check.Proof}, explain: 2},
		{name: "of another node", mutate: func(s *fact.Snapshot) {
			source(s, 3, 1, second)
			loseVXLAN(s, 3, 1)
			loseVXLAN(s, 1, 3)
		}, want: want{id: id, node: "n3", peer: "n1"}},
		{name: "packets pass all the same: somebody translates", mutate: func(s *fact.Snapshot) { source(s, 1, 2, second) }, check: id, answer: check.OK},
		{name: "the data path has an address of its own, and the routes use it", mutate: func(s *fact.Snapshot) {
			for i := 1; i <= 3; i++ {
				facttest.NodeOf(s, i).Engine.Swarm.NodeAddr = netip.AddrFrom4([4]byte{192, 168, 0, byte(i)})
				facttest.NodeOf(s, i).Kernel.Host().Links[1].Addrs = append(facttest.NodeOf(s, i).Kernel.Host().Links[1].Addrs, netip.PrefixFrom(facttest.NodeOf(s, i).Engine.Swarm.NodeAddr, 24))
			}
		}, check: id, answer: check.OK},
		{name: "nobody says which address it is known by", mutate: func(s *fact.Snapshot) {
			*s = *facttest.OneNode()
			facttest.NodeOf(s, 1).Engine.Networks[1].Services = nil
		}, check: id, answer: check.Unknown},
	})
	s := facttest.Healthy()
	source(s, 1, 2, second)
	loseVXLAN(s, 1, 2)
	if r := run(t, s).Causes[0].Relief; !strings.Contains(r, "ip route change 10.77.0.0/24 dev eth0 src 10.77.0.11") {
		t.Errorf("relief %q", r)
	}
}
