package nft

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"fairway/internal/collect/xt"
	"fairway/internal/fact"
)

// all is the one list of conditions.
func all(ms ...fact.Match) [][]fact.Match { return [][]fact.Match{ms} }

// each value is a condition of its own: one of them must hold, or with not none.
func choose(values [][]byte, not bool, make func([]byte) (fact.Match, bool)) ([][]fact.Match, bool) {
	var out [][]fact.Match
	for _, v := range values {
		m, ok := make(v)
		if !ok {
			return nil, false
		}
		m.Not = m.Not != not
		if not && len(out) == 1 {
			out[0] = append(out[0], m)
		} else {
			out = append(out, []fact.Match{m})
		}
	}
	return out, len(out) > 0
}

// plain returns the values to compare with when there are no ranges and no mask.
func (q question) plain() ([][]byte, bool) {
	values, ok := q.points()
	return values, ok && q.mask == nil
}

func address(_ *program, f field, q question) ([][]fact.Match, bool) {
	m := fact.Match{Kind: f.kind, Not: q.not}
	if q.mask != nil {
		p, ok := masked(f.size, q)
		if m.Prefixes = []netip.Prefix{p}; !ok {
			m = unmasked(f, q)
		}
		return all(m), m.Kind != ""
	}
	for _, s := range q.spans {
		r, ok := addrRange(f.size, s)
		if !ok {
			return nil, false
		}
		if p, ok := asPrefix(r); ok {
			m.Prefixes = append(m.Prefixes, p)
		} else {
			m.Ranges = append(m.Ranges, r)
		}
	}
	return all(m), true
}

// addrRange fills up what was compared of an address, its first bytes.
func addrRange(size int, s span) (fact.AddrRange, bool) {
	lo, hi := make([]byte, size), bytes.Repeat([]byte{0xff}, size)
	copy(lo, s.lo)
	copy(hi, s.hi)
	first, _ := netip.AddrFromSlice(lo)
	last, ok := netip.AddrFromSlice(hi)
	return fact.AddrRange{First: first, Last: last}, ok && first.Compare(last) <= 0
}

// masked is the prefix that a mask of ones and a value within it stand for.
func masked(size int, q question) (netip.Prefix, bool) {
	values, ok := q.points()
	if !ok || len(values) != 1 {
		return netip.Prefix{}, false
	}
	lo, hi := make([]byte, size), bytes.Repeat([]byte{0xff}, size)
	for i, v := range values[0] {
		lo[i] = v ^ q.xor[i]
		hi[i] = lo[i] | ^q.mask[i]
		ok = ok && lo[i]&^q.mask[i] == 0
	}
	r, fine := addrRange(size, span{lo, hi})
	p, prefix := asPrefix(r)
	return p, ok && fine && prefix
}

// unmasked says a mask with holes, as the other backend's decoder does.
func unmasked(f field, q question) fact.Match {
	values, ok := q.points()
	mask, whole := netip.AddrFromSlice(q.mask)
	if !ok || len(values) != 1 || !whole {
		return fact.Match{}
	}
	a, _ := netip.AddrFromSlice(values[0])
	return fact.Match{Kind: fact.MatchOpaque, Text: fmt.Sprintf("%s %s/%s", f.kind, a, mask)}
}

// asPrefix is the prefix that holds a range and nothing else.
func asPrefix(r fact.AddrRange) (netip.Prefix, bool) {
	lo, hi := r.First.AsSlice(), r.Last.AsSlice()
	bits := 0
	for bits < len(lo)*8 && bit(lo, bits) == bit(hi, bits) {
		bits++
	}
	p := netip.PrefixFrom(r.First, bits)
	for i := bits; i < len(lo)*8; i++ {
		if bit(lo, i) != 0 || bit(hi, i) != 1 {
			return p, false
		}
	}
	return p, true
}

func bit(b []byte, i int) byte { return b[i/8] >> (7 - i%8) & 1 }

func ports(_ *program, f field, q question) ([][]fact.Match, bool) {
	m := fact.Match{Kind: f.kind, Not: q.not}
	for _, s := range q.spans {
		if len(s.lo) != 2 || len(s.hi) != 2 {
			return nil, false
		}
		m.Ports = append(m.Ports, fact.PortRange{First: binary.BigEndian.Uint16(s.lo), Last: binary.BigEndian.Uint16(s.hi)})
	}
	return all(m), q.mask == nil
}

func protocol(_ *program, f field, q question) ([][]fact.Match, bool) {
	values, ok := q.plain()
	if !ok {
		return nil, false
	}
	return choose(values, q.not, func(v []byte) (fact.Match, bool) {
		return fact.Match{Kind: f.kind, Proto: v[0]}, v[0] != 0
	})
}

func linkName(_ *program, f field, q question) ([][]fact.Match, bool) {
	values, ok := q.plain()
	if !ok {
		return nil, false
	}
	return choose(values, q.not, func(v []byte) (fact.Match, bool) {
		name, tail, whole := bytes.Cut(v, []byte{0})
		if len(name) == 0 || bytes.HasSuffix(name, []byte{'+'}) || len(bytes.Trim(tail, "\x00")) > 0 {
			return fact.Match{}, false
		}
		if !whole {
			name = append(bytes.Clone(name), '+')
		}
		return fact.Match{Kind: f.kind, Iface: string(name)}, true
	})
}

func linkIndex(p *program, f field, q question) ([][]fact.Match, bool) {
	values, ok := q.plain()
	if !ok {
		return nil, false
	}
	return choose(values, q.not, func(v []byte) (fact.Match, bool) {
		n, ok := host(v)
		name := p.links[n]
		if name == "" && n == 1 {
			name = "lo" // it is the first of every namespace
		}
		return fact.Match{Kind: f.kind, Iface: name}, ok && name != ""
	})
}

func mark(_ *program, f field, q question) ([][]fact.Match, bool) {
	values, ok := q.points()
	if !ok {
		return nil, false
	}
	mask, xor := ^uint32(0), uint32(0)
	if q.mask != nil {
		mask, ok = host(q.mask)
		if !ok {
			return nil, false
		}
		xor, _ = host(q.xor)
	}
	return choose(values, q.not, func(v []byte) (fact.Match, bool) {
		n, ok := host(v)
		return fact.Match{Kind: f.kind, Value: n ^ xor, Mask: mask}, ok
	})
}

func family(_ *program, f field, q question) ([][]fact.Match, bool) {
	values, ok := q.plain()
	if !ok {
		return nil, false
	}
	return choose(values, q.not, func(v []byte) (fact.Match, bool) {
		word := map[byte]string{2: "ipv4", 10: "ipv6"}[v[0]]
		return fact.Match{Kind: f.kind, Text: word}, word != ""
	})
}

func etherType(_ *program, f field, q question) ([][]fact.Match, bool) {
	values, ok := q.plain()
	if !ok {
		return nil, false
	}
	return choose(values, q.not, func(v []byte) (fact.Match, bool) {
		word := map[string]string{"\x08\x00": "ipv4", "\x86\xdd": "ipv6"}[string(v)]
		return fact.Match{Kind: f.kind, Text: word}, word != ""
	})
}

// secPath asks whether the packet came through IPsec.
func secPath(_ *program, f field, q question) ([][]fact.Match, bool) {
	values, ok := q.plain()
	if !ok {
		return nil, false
	}
	return choose(values, q.not, func(v []byte) (fact.Match, bool) {
		return fact.Match{Kind: f.kind, Text: map[bool]string{true: "in ipsec", false: "in none"}[v[0] == 1]}, v[0] <= 1
	})
}

// fragment is the offset within the packet before it was cut: not zero for the
// second and further fragments.
func fragment(_ *program, f field, q question) ([][]fact.Match, bool) {
	values, ok := q.points()
	first := ok && len(values) == 1 && string(values[0]) == "\x00\x00" && string(q.mask) == "\x1f\xff" && string(q.xor) == "\x00\x00"
	return all(fact.Match{Kind: f.kind, Not: !q.not}), first
}

func tcpFlags(_ *program, f field, q question) ([][]fact.Match, bool) {
	values, ok := q.points()
	if !ok {
		return nil, false
	}
	mask, xor := byte(0xff), byte(0)
	if q.mask != nil {
		mask, xor = q.mask[0], q.xor[0]
	}
	return choose(values, q.not, func(v []byte) (fact.Match, bool) {
		return fact.Match{Kind: f.kind, Value: uint32(v[0] ^ xor), Mask: uint32(mask)}, true
	})
}

// icmpType is a type with any code.
func icmpType(_ *program, f field, q question) ([][]fact.Match, bool) {
	values, ok := q.plain()
	if !ok {
		return nil, false
	}
	return choose(values, q.not, func(v []byte) (fact.Match, bool) {
		return fact.Match{Kind: f.kind, Value: uint32(v[0]), Mask: 0xff}, true
	})
}

func vni(_ *program, f field, q question) ([][]fact.Match, bool) {
	values, ok := q.plain()
	if !ok {
		return nil, false
	}
	return choose(values, q.not, func(v []byte) (fact.Match, bool) {
		return fact.Match{Kind: f.kind, Value: uint32(v[0])<<16 | uint32(v[1])<<8 | uint32(v[2])}, true
	})
}

// limit says a limit of packets as the xtables match of that name does.
func limit(per, seconds, burst uint64) (fact.Match, bool) {
	const scale = 10_000 // XT_LIMIT_SCALE
	if per == 0 || seconds == 0 || seconds > 1<<20 || scale*seconds/per == 0 {
		return fact.Match{}, false
	}
	b := make([]byte, 40)
	binary.NativeEndian.PutUint32(b, uint32(scale*seconds/per))
	binary.NativeEndian.PutUint32(b[4:], uint32(burst))
	m := xt.Match("ip", "limit", 0, b)
	return m[0], len(m) == 1 && m[0].Kind == fact.MatchLimit
}
