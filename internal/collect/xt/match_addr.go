package xt

import (
	"net/netip"

	"fairway/internal/fact"
)

// addrTypes are XT_ADDRTYPE_*.
var addrTypes = []bit{
	{1 << 0, "UNSPEC"}, {1 << 1, "UNICAST"}, {1 << 2, "LOCAL"}, {1 << 3, "BROADCAST"}, {1 << 4, "ANYCAST"},
	{1 << 5, "MULTICAST"}, {1 << 6, "BLACKHOLE"}, {1 << 7, "UNREACHABLE"}, {1 << 8, "PROHIBIT"},
	{1 << 9, "THROW"}, {1 << 10, "NAT"}, {1 << 11, "XRESOLVE"},
}

// addrtype0 is struct xt_addrtype_info: source, dest, invert_source, invert_dest.
func addrtype0(_ string, d []byte) ([]fact.Match, bool) {
	notSrc, notDst := u32(d, 4), u32(d, 8)
	if notSrc > 1 || notDst > 1 {
		return nil, false
	}
	return addrtype(d, notSrc == 1, notDst == 1, "")
}

// addrtype1 is struct xt_addrtype_info_v1: source, dest, flags.
func addrtype1(_ string, d []byte) ([]fact.Match, bool) {
	flags := u32(d, 4)
	iface, ok := map[uint32]string{0: "", 4: "in", 8: "out"}[flags&^3]
	if !ok {
		return nil, false
	}
	return addrtype(d, flags&1 != 0, flags&2 != 0, iface)
}

func addrtype(d []byte, notSrc, notDst bool, iface string) ([]fact.Match, bool) {
	src, known := words(uint32(u16(d, 0)), addrTypes)
	dst, known2 := words(uint32(u16(d, 2)), addrTypes)
	var out []fact.Match
	if len(src) > 0 {
		out = append(out, fact.Match{Kind: fact.MatchSourceType, Not: notSrc, States: src, Iface: iface})
	}
	if len(dst) > 0 {
		out = append(out, fact.Match{Kind: fact.MatchDestinationType, Not: notDst, States: dst, Iface: iface})
	}
	return out, known && known2 && len(out) > 0
}

// iprange is struct xt_iprange_mtinfo: src_min, src_max, dst_min, dst_max, flags.
func iprange(family string, d []byte) ([]fact.Match, bool) {
	flags := d[64]
	if flags&^0x33 != 0 || flags>>4&^flags != 0 {
		return nil, false
	}
	var out []fact.Match
	add := func(kind fact.MatchKind, bit byte, at int) {
		if flags&bit != 0 {
			r := fact.AddrRange{First: addr(family, d[at:]), Last: addr(family, d[at+16:])}
			out = append(out, fact.Match{Kind: kind, Not: flags&(bit<<4) != 0, Ranges: []fact.AddrRange{r}})
		}
	}
	add(fact.MatchSource, 1, 0)
	add(fact.MatchDestination, 2, 32)
	return out, len(out) > 0
}

// addr is a union nf_inet_addr of 16 bytes.
func addr(family string, d []byte) netip.Addr {
	if family == ip4 {
		return netip.AddrFrom4([4]byte(d))
	}
	return netip.AddrFrom16([16]byte(d))
}

// physdev is struct xt_physdev_info: two names with masks of 16 bytes each,
// invert, bitmask. The questions "is it bridged" are opaque.
func physdev(_ string, d []byte) ([]fact.Match, bool) {
	const in, out = 1, 2
	not, asked := d[64], d[65]
	if (not|asked)&^0x1f != 0 || asked == 0 {
		return nil, false
	}
	var all []fact.Match
	for i, kind := range []fact.MatchKind{fact.MatchPhysIn, fact.MatchPhysOut} {
		bit, side := byte(1)<<i, d[i*32:]
		if asked&bit == 0 {
			continue
		}
		name, ok := Iface(side[:16], side[16:32])
		if !ok {
			return nil, false
		}
		all = append(all, fact.Match{Kind: kind, Not: not&bit != 0, Iface: name})
	}
	if asked&^(in|out) != 0 {
		all = append(all, opaque("physdev")...)
	}
	return all, true
}

// Iface is an interface's name as iptables spells it, with "+" for any rest, from
// the name and the mask of what is compared. It is "+" where nothing is compared,
// and not ok for what iptables has no word for.
func Iface(name, mask []byte) (spelled string, ok bool) {
	n := 0
	for n < len(mask) && n < len(name) && mask[n] == 0xff {
		n++
	}
	for _, b := range mask[n:] {
		if b != 0 {
			return "", false
		}
	}
	head, whole := text(name[:n])
	switch {
	case !whole:
		return head + "+", true
	case len(head) != n-1 || head == "" || head[len(head)-1] == '+':
		return "", false
	}
	return head, true
}
