package ipt

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"strings"

	"fairway/internal/collect/xt"
	"fairway/internal/fact"
)

// priorities are those the kernel gives its legacy tables; nat's depends on the
// hook.
var priorities = map[string]int{"raw": -300, "mangle": -150, "filter": 0, "security": 50}

// decode decodes a chain of a table; names tells where jumps lead.
func (c chain) decode(l *layout, table string, names map[uint32]string) (fact.Chain, error) {
	out := fact.Chain{Name: c.name}
	if c.hook >= 0 {
		out.Hook, out.Type, out.Priority = strings.ToLower(c.name), "filter", priorities[table]
		switch {
		case table == "nat" && (c.name == "PREROUTING" || c.name == "OUTPUT"):
			out.Type, out.Priority = "nat", -100
		case table == "nat":
			out.Type, out.Priority = "nat", 100
		case table == "mangle" && c.name == "OUTPUT":
			out.Type = "route"
		}
		policy, ok := policies[c.policy.verdict(l).Kind]
		if !ok {
			return out, fmt.Errorf("the policy of chain %s is no verdict", c.name)
		}
		out.Policy, out.Hits = policy, c.policy.hits(l)
	}
	for i, r := range c.rules {
		out.Rules = append(out.Rules, fact.Rule{Number: i + 1, Matches: r.matches(l), Target: r.does(l, names), Hits: r.hits(l)})
	}
	return out, nil
}

var policies = map[fact.TargetKind]string{fact.TargetAccept: "accept", fact.TargetDrop: "drop"}

// hits are the counters, which the kernel has summed over its processors.
func (r row) hits(l *layout) fact.Hits {
	b := r.b[l.counters:]
	return fact.Hits{Counted: true, Packets: binary.NativeEndian.Uint64(b), Bytes: binary.NativeEndian.Uint64(b[8:])}
}

// does is the target. A jump to the very next entry is how iptables writes a
// rule without one.
func (r row) does(l *layout, names map[uint32]string) fact.Target {
	name, rev, data := r.target(l)
	if name != "" || len(data) < 4 {
		return xt.Target(l.family, name, rev, data)
	}
	to := int32(binary.NativeEndian.Uint32(data))
	chain, known := names[uint32(to)]
	switch {
	case to < 0:
		return xt.Target(l.family, name, rev, data)
	case uint32(to) == r.end():
		return fact.Target{}
	case !known:
		return fact.Target{Kind: fact.TargetOpaque, Text: fmt.Sprintf("jump to offset %d", to)}
	case r.b[l.flags]&l.jumpFlag != 0:
		return fact.Target{Kind: fact.TargetGoto, Chain: chain}
	}
	return fact.Target{Kind: fact.TargetJump, Chain: chain}
}

// matches are the conditions: those of the header, in the order of
// iptables-save, then the extensions'.
func (r row) matches(l *layout) []fact.Match {
	out := r.header(l)
	for rest := r.b[l.size:u16(r.b, l.target)]; len(rest) > 0; {
		if len(rest) < extHeader {
			return append(out, unreadable("a match that is cut off"))
		}
		name, rev, data, ok := extension(rest)
		if !ok {
			return append(out, unreadable("a match that is cut off"))
		}
		out = append(out, xt.Match(l.family, name, rev, data)...)
		rest = rest[extHeader+len(data):]
	}
	return out
}

func unreadable(what string) fact.Match { return fact.Match{Kind: fact.MatchOpaque, Text: what} }

func (r row) header(l *layout) []fact.Match {
	n, not := l.addr, r.b[l.invert]
	out := address(nil, fact.MatchSource, r.b[:n], r.b[2*n:3*n], not&notSource != 0)
	out = address(out, fact.MatchDestination, r.b[n:2*n], r.b[3*n:4*n], not&notDestination != 0)
	i := r.b[l.ifaces:]
	out = iface(out, fact.MatchIn, i[:ifaceLen], i[2*ifaceLen:3*ifaceLen], not&notIn != 0)
	out = iface(out, fact.MatchOut, i[ifaceLen:2*ifaceLen], i[3*ifaceLen:4*ifaceLen], not&notOut != 0)

	flags, proto := r.b[l.flags], u16(r.b, l.proto)
	if flags&l.protoFlag != 0 || l.protoFlag == 0 && proto != 0 {
		out = append(out, protocol(proto, not&notProto != 0))
		not &^= notProto
	}
	if flags&l.fragment != 0 {
		out = append(out, fact.Match{Kind: fact.MatchFragment, Not: not&notFragment != 0})
		not &^= notFragment
	}
	known := l.jumpFlag | l.fragment | l.protoFlag
	if rest := not &^ (notSource | notDestination | notIn | notOut); rest != 0 || flags&^known != 0 {
		out = append(out, unreadable(fmt.Sprintf("flags %#x, %#x", flags, not)))
	}
	return out
}

func protocol(number int, not bool) fact.Match {
	if number > 255 {
		return unreadable(fmt.Sprintf("protocol %d", number))
	}
	return fact.Match{Kind: fact.MatchProtocol, Proto: uint8(number), Not: not}
}

// address appends a condition on an address, if there is one.
func address(out []fact.Match, kind fact.MatchKind, value, mask []byte, not bool) []fact.Match {
	a, _ := netip.AddrFromSlice(value)
	m, _ := netip.AddrFromSlice(mask)
	length, ok := prefixLength(mask)
	p := netip.PrefixFrom(a, length)
	switch {
	case !ok || p.Masked() != p:
		return append(out, unreadable(fmt.Sprintf("%s %s/%s", kind, a, m)))
	case length == 0 && !not:
		return out
	}
	return append(out, fact.Match{Kind: kind, Not: not, Prefixes: []netip.Prefix{p}})
}

// prefixLength counts the leading ones; ok says that no others follow.
func prefixLength(mask []byte) (n int, ok bool) {
	for i, b := range mask {
		ones := bits.LeadingZeros8(^b)
		n += ones
		if ones == 8 {
			continue
		}
		rest := b << ones
		for _, after := range mask[i+1:] {
			rest |= after
		}
		return n, rest == 0
	}
	return n, true
}

// iface appends a condition on an interface, if there is one.
func iface(out []fact.Match, kind fact.MatchKind, name, mask []byte, not bool) []fact.Match {
	spelled, ok := xt.Iface(name, mask)
	switch {
	case !ok:
		return append(out, unreadable(fmt.Sprintf("%s %q", kind, cString(name))))
	case spelled == "+" && !not:
		return out
	}
	return append(out, fact.Match{Kind: kind, Not: not, Iface: spelled})
}
