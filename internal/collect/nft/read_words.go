package nft

import "fairway/internal/fact"

// flag is one bit of a mask and its word.
type flag struct {
	bit  uint32
	word string
}

// The words of conntrack's states (NF_CT_STATE_BIT, IPS_*) and of address types
// (RTN_*), in the order that package xt has them.
var (
	states = []flag{{1, "INVALID"}, {8, "NEW"}, {4, "RELATED"}, {2, "ESTABLISHED"}, {64, "UNTRACKED"}}
	// translations are bits of a connection's status.
	translations = []flag{{1 << 4, "SNAT"}, {1 << 5, "DNAT"}}
	addressTypes = []flag{{0, "UNSPEC"}, {1, "UNICAST"}, {2, "LOCAL"}, {3, "BROADCAST"}, {4, "ANYCAST"}, {5, "MULTICAST"},
		{6, "BLACKHOLE"}, {7, "UNREACHABLE"}, {8, "PROHIBIT"}, {9, "THROW"}, {10, "NAT"}, {11, "XRESOLVE"}}
)

// among returns the words of all values or bits, in the table's order; ok when each
// has one.
func among(table []flag, has func(uint32) bool, want int) (out []string, ok bool) {
	for _, f := range table {
		if has(f.bit) {
			out = append(out, f.word)
		}
	}
	return out, len(out) == want && want > 0
}

// bits returns the words of a mask.
func bits(table []flag, mask uint32) (out []string, ok bool) {
	rest := mask
	out, _ = among(table, func(b uint32) bool {
		if mask&b != 0 {
			rest &^= b
			return true
		}
		return false
	}, 0)
	return out, rest == 0 && len(out) > 0
}

// numbers reads the values, each in the kernel's byte order, as a set.
func numbers(values [][]byte) (map[uint32]bool, bool) {
	out := make(map[uint32]bool)
	for _, v := range values {
		n, ok := host(v)
		if !ok {
			return nil, false
		}
		out[n] = true
	}
	return out, true
}

func addressType(_ *program, f field, q question) ([][]fact.Match, bool) {
	values, ok := q.plain()
	types, fine := numbers(values)
	if !ok || !fine {
		return nil, false
	}
	words, ok := among(addressTypes, func(n uint32) bool { return types[n] }, len(types))
	return all(fact.Match{Kind: f.kind, Not: q.not, States: words, Iface: f.iface}), ok
}

// state reads comparisons of conntrack's state, of which a packet has exactly one.
func state(_ *program, f field, q question) ([][]fact.Match, bool) {
	if q.mask != nil {
		return anyBit(f, q, states)
	}
	values, ok := q.points()
	are, fine := numbers(values)
	if !ok || !fine {
		return nil, false
	}
	words, ok := among(states, func(n uint32) bool { return are[n] }, len(are))
	return all(fact.Match{Kind: f.kind, Not: q.not, States: words}), ok
}

// status reads whether a connection was translated.
func status(_ *program, f field, q question) ([][]fact.Match, bool) {
	if q.mask == nil {
		return nil, false
	}
	return anyBit(f, q, translations)
}

// anyBit reads "one of these bits" and "none of them".
func anyBit(f field, q question, table []flag) ([][]fact.Match, bool) {
	values, ok := q.points()
	if !ok || len(values) != 1 {
		return nil, false
	}
	is, ok1 := host(values[0])
	mask, ok2 := host(q.mask)
	xor, ok3 := host(q.xor)
	words, ok4 := bits(table, mask)
	return all(fact.Match{Kind: f.kind, Not: !q.not, States: words}), ok1 && ok2 && ok3 && ok4 && is^xor == 0
}
