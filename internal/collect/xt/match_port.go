package xt

import "fairway/internal/fact"

// ports is one condition on a range of ports; nothing for "any".
func ports(kind fact.MatchKind, first, last uint16, not bool) []fact.Match {
	if first == 0 && last == 0xffff && !not {
		return nil
	}
	return []fact.Match{{Kind: kind, Not: not, Ports: []fact.PortRange{{First: first, Last: last}}}}
}

// srcDst is how struct xt_tcp and xt_udp begin: source ports, destination ports.
func srcDst(d []byte, not byte) []fact.Match {
	out := ports(fact.MatchSourcePort, u16(d, 0), u16(d, 2), not&1 != 0)
	return append(out, ports(fact.MatchDestinationPort, u16(d, 4), u16(d, 6), not&2 != 0)...)
}

// tcp is struct xt_tcp: spts, dpts, option, flg_mask, flg_cmp, invflags.
func tcp(_ string, d []byte) ([]fact.Match, bool) {
	option, mask, value, not := d[8], d[9], d[10], d[11]
	if not&^0xf != 0 {
		return nil, false
	}
	out := srcDst(d, not)
	if mask != 0 || value != 0 || not&4 != 0 {
		out = append(out, fact.Match{Kind: fact.MatchTCPFlags, Not: not&4 != 0, Mask: uint32(mask), Value: uint32(value)})
	}
	if option != 0 || not&8 != 0 {
		out = append(out, opaque("tcp-option")...)
	}
	return out, true
}

// udp is struct xt_udp: spts, dpts, invflags.
func udp(_ string, d []byte) ([]fact.Match, bool) {
	if d[8]&^3 != 0 {
		return nil, false
	}
	return srcDst(d, d[8]), true
}

// sctp is struct xt_sctp_info: dpts, spts, 276 bytes about chunks, flags and
// invflags. The kernel looks only at what flags names.
func sctp(_ string, d []byte) ([]fact.Match, bool) {
	flags, not := u32(d, 284), u32(d, 288)
	if (flags|not)&^7 != 0 || not&^flags != 0 {
		return nil, false
	}
	var out []fact.Match
	if flags&1 != 0 {
		out = append(out, ports(fact.MatchSourcePort, u16(d, 4), u16(d, 6), not&1 != 0)...)
	}
	if flags&2 != 0 {
		out = append(out, ports(fact.MatchDestinationPort, u16(d, 0), u16(d, 2), not&2 != 0)...)
	}
	if flags&4 != 0 {
		out = append(out, opaque("sctp-chunk")...)
	}
	return out, true
}

// icmp is struct ipt_icmp: type, code range, invflags. Type 255 is any.
func icmp(_ string, d []byte) ([]fact.Match, bool) {
	if d[3] > 1 {
		return nil, false
	}
	if d[0] == 0xff {
		return nil, d[3] == 0 // "not any" never holds, and nobody writes it
	}
	return icmpType(d), true
}

// icmp6 is struct ip6t_icmp; there is no word for any.
func icmp6(_ string, d []byte) ([]fact.Match, bool) {
	if d[3] > 1 {
		return nil, false
	}
	return icmpType(d), true
}

func icmpType(d []byte) []fact.Match {
	codes := uint32(d[1])<<8 | uint32(d[2])
	return []fact.Match{{Kind: fact.MatchICMPType, Not: d[3] == 1, Value: uint32(d[0]), Mask: codes}}
}

// multiPorts is how many struct xt_multiport has room for.
const multiPorts = 15

// multiKinds are the values of its flags.
var multiKinds = []fact.MatchKind{fact.MatchSourcePort, fact.MatchDestinationPort, fact.MatchPort}

// multiport0 is struct xt_multiport: flags, count, ports.
func multiport0(_ string, d []byte) ([]fact.Match, bool) {
	return multiport(d, make([]byte, multiPorts), 0)
}

// multiport1 is struct xt_multiport_v1, which adds marks on a range's first port,
// and invert.
func multiport1(_ string, d []byte) ([]fact.Match, bool) {
	return multiport(d, d[32:47], d[47])
}

func multiport(d, starts []byte, not byte) ([]fact.Match, bool) {
	kind, count := int(d[0]), int(d[1])
	if kind >= len(multiKinds) || count == 0 || count > multiPorts || not > 1 {
		return nil, false
	}
	m := fact.Match{Kind: multiKinds[kind], Not: not == 1}
	for i := 0; i < count; i++ {
		r := fact.PortRange{First: u16(d, 2+2*i), Last: u16(d, 2+2*i)}
		if starts[i] != 0 {
			if i++; i == count {
				return nil, false
			}
			r.Last = u16(d, 2+2*i)
		}
		m.Ports = append(m.Ports, r)
	}
	return []fact.Match{m}, true
}
