package nft

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"fairway/internal/fact"
)

func addr(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}

// TestPrefixes: the prefixes of a range hold its ends and not their neighbours,
// lie one behind the other and leave nothing out.
func TestPrefixes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low, high := rapid.Uint32().Draw(t, "low"), rapid.Uint32().Draw(t, "high")
		if low > high {
			low, high = high, low
		}
		next := addr(low)
		for _, p := range prefixes(fact.AddrRange{First: addr(low), Last: addr(high)}) {
			if p != p.Masked() || p.Addr() != next {
				t.Fatalf("%v where %v should begin", p, next)
			}
			next = lastOf(p).Next()
		}
		if next != addr(high).Next() {
			t.Fatalf("ends before %v, not at %v", next, addr(high))
		}
	})
}

// TestEntries: ranges come as two elements, in any order; the end is the first key
// behind; where the next begins there, nft leaves it out.
func TestEntries(t *testing.T) {
	one := func(k byte, end bool) elem { return elem{key: []byte{k}, end: end} }
	s := set{flags: interval, elems: []elem{one(30, false), one(0, true), one(10, false), one(20, false), one(25, true), {rest: true}}}
	list, rest := s.entries()
	var got [][2]byte
	for _, e := range list {
		got = append(got, [2]byte{e.lo[0], e.hi[0]})
	}
	if want := [][2]byte{{10, 19}, {20, 24}, {30, 255}}; !slices.Equal(got, want) || rest == nil {
		t.Errorf("%v, want %v; rest %v", got, want, rest)
	}
}

// TestNotWhole: what is beyond the bound makes a set not whole; its ranges, of
// which one end may be missing, are none then.
func TestNotWhole(t *testing.T) {
	s := set{name: "x", flags: interval, keyLen: 4}
	m, ok := s.named(field{kind: fact.MatchSource, size: 4}, []span{{[]byte{10, 0, 0, 0}, []byte{10, 0, 0, 255}}}, false)
	if !ok || m.Whole || len(m.Members) != 0 {
		t.Errorf("%+v", m)
	}
}
