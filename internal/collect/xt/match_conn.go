package xt

import "fairway/internal/fact"

// bit is one bit of a mask and its word.
type bit struct {
	mask uint32
	word string
}

// words are the names of the bits that are set; ok says that all have one.
func words(mask uint32, names []bit) (out []string, ok bool) {
	for _, b := range names {
		if mask&b.mask != 0 {
			out = append(out, b.word)
			mask &^= b.mask
		}
	}
	return out, mask == 0
}

// ctStates are conntrack's states in the order iptables writes them.
// XT_CONNTRACK_STATE_*; IP_CT_NUMBER is 5.
var ctStates = []bit{
	{1 << 0, "INVALID"}, {1 << 3, "NEW"}, {1 << 2, "RELATED"}, {1 << 1, "ESTABLISHED"},
	{1 << 8, "UNTRACKED"}, {1 << 6, "SNAT"}, {1 << 7, "DNAT"},
}

// oldStates are those of the state match, whose UNTRACKED is another bit.
var oldStates = []bit{
	{1 << 0, "INVALID"}, {1 << 3, "NEW"}, {1 << 2, "RELATED"}, {1 << 1, "ESTABLISHED"}, {1 << 6, "UNTRACKED"},
}

// conntrack1 is struct xt_conntrack_mtinfo1, whose masks are bytes.
func conntrack1(_ string, d []byte) ([]fact.Match, bool) {
	return conntrack(u16(d, 146), u16(d, 148), uint32(d[150]))
}

// conntrack2 is struct xt_conntrack_mtinfo2 and 3.
func conntrack2(_ string, d []byte) ([]fact.Match, bool) {
	return conntrack(u16(d, 146), u16(d, 148), uint32(u16(d, 150)))
}

const (
	ctState      = 1 << 0
	ctStateAlias = 1 << 13 // written -m state by the user; means the same
)

// conntrack understands the state. Addresses, ports, status and expiry of the
// connection are conditions of their own, told as one that is opaque.
func conntrack(flags, not uint16, mask uint32) ([]fact.Match, bool) {
	var out []fact.Match
	if flags&ctState != 0 {
		states, ok := words(mask, ctStates)
		if !ok || len(states) == 0 {
			return nil, false
		}
		out = append(out, fact.Match{Kind: fact.MatchState, Not: not&ctState != 0, States: states})
	}
	if flags&^(ctState|ctStateAlias) != 0 || flags == 0 {
		out = append(out, opaque("conntrack")...)
	}
	return out, true
}

// state is struct xt_state_info.
func state(_ string, d []byte) ([]fact.Match, bool) {
	states, ok := words(u32(d, 0), oldStates)
	return []fact.Match{{Kind: fact.MatchState, States: states}}, ok && len(states) > 0
}

// mark is struct xt_mark_mtinfo1 and xt_connmark_mtinfo1: mark, mask, invert.
func mark(kind fact.MatchKind) func(string, []byte) ([]fact.Match, bool) {
	return func(_ string, d []byte) ([]fact.Match, bool) {
		not, ok := bool8(d[8])
		return []fact.Match{{Kind: kind, Not: not, Value: u32(d, 0), Mask: u32(d, 4)}}, ok
	}
}

// ipvs is struct xt_ipvs_mtinfo. Only "is it IPVS at all" is understood.
func ipvs(_ string, d []byte) ([]fact.Match, bool) {
	const property = 1
	not, asked := d[38], d[39]
	if asked != property || not&^property != 0 {
		return nil, false
	}
	return []fact.Match{{Kind: fact.MatchIPVS, Not: not == property}}, true
}

// policy is struct xt_policy_info: four elements of 76 bytes, flags, len.
func policy(_ string, d []byte) ([]fact.Match, bool) {
	const in, out, none = 1, 2, 4
	flags, elements := u16(d, 304), u16(d, 306)
	text := map[uint16]string{in: "in ", out: "out "}[flags&^none]
	if text == "" {
		return nil, false
	}
	switch {
	case flags&none != 0 && elements == 0:
		text += "none"
	case flags&none == 0 && elements == 1 && d[74] == 0: // the element asks for nothing
		text += "ipsec"
	default:
		return nil, false
	}
	return []fact.Match{{Kind: fact.MatchPolicy, Text: text}}, true
}
