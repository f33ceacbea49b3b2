package xt

import (
	"strings"

	"fairway/internal/fact"
)

// targets is everything that is understood.
var targets = map[extension]targetCodec{
	{"", "", 0}:            {4, standard},
	{ip4, "DNAT", 0}:       {20, nat4(fact.TargetDNAT)},
	{"", "DNAT", 1}:        {40, nat(fact.TargetDNAT)},
	{"", "DNAT", 2}:        {44, nat(fact.TargetDNAT)},
	{ip4, "SNAT", 0}:       {20, nat4(fact.TargetSNAT)},
	{"", "SNAT", 1}:        {40, nat(fact.TargetSNAT)},
	{"", "SNAT", 2}:        {44, nat(fact.TargetSNAT)},
	{ip4, "MASQUERADE", 0}: {20, nat4(fact.TargetMasquerade)},
	{ip6, "MASQUERADE", 0}: {40, nat(fact.TargetMasquerade)},
	{ip4, "REDIRECT", 0}:   {20, nat4(fact.TargetRedirect)},
	{ip6, "REDIRECT", 0}:   {40, nat(fact.TargetRedirect)},
	{"", "MARK", 2}:        {8, setMark},
	{"", "CONNMARK", 1}:    {13, connMark1},
	{"", "CONNMARK", 2}:    {15, connMark2},
	{"", "LOG", 0}:         {32, logTo},
	{"", "NFLOG", 0}:       {76, nflog},
	{"", "REJECT", 0}:      {4, reject},
	{"", "NOTRACK", 0}:     {0, notrack},
	{"", "CT", 0}:          {40, noCT},
	{"", "CT", 1}:          {72, noCT},
	{"", "CT", 2}:          {72, noCT},
	{"", "TCPMSS", 0}:      {2, tcpMSS},
	{"", "NFQUEUE", 0}:     {2, queue},
	{"", "NFQUEUE", 1}:     {4, queue},
	{"", "NFQUEUE", 2}:     {6, queue},
	{"", "NFQUEUE", 3}:     {6, queue},
}

// verdicts are the standard target's negative numbers: -NF_DROP-1 and so on.
var verdicts = map[int32]fact.TargetKind{
	-1: fact.TargetDrop, -2: fact.TargetAccept, -4: fact.TargetQueue, -5: fact.TargetReturn,
}

func standard(_ string, d []byte) (fact.Target, bool) {
	kind, ok := verdicts[int32(u32(d, 0))]
	return fact.Target{Kind: kind}, ok
}

// setMark is struct xt_mark_tginfo2: mark, mask.
func setMark(_ string, d []byte) (fact.Target, bool) {
	return fact.Target{Kind: fact.TargetMark, Value: u32(d, 0), Mask: u32(d, 4)}, true
}

// connMark1 is struct xt_connmark_tginfo1: ctmark, ctmask, nfmask, mode.
func connMark1(_ string, d []byte) (fact.Target, bool) { return connMark(d, d[12]) }

// connMark2 is struct xt_connmark_tginfo2, with shift_dir and shift_bits before
// the mode.
func connMark2(_ string, d []byte) (fact.Target, bool) {
	if d[13] != 0 {
		return fact.Target{}, false
	}
	return connMark(d, d[14])
}

// connMark understands copies of the same bits only.
func connMark(d []byte, mode byte) (fact.Target, bool) {
	const set, save, restore = 0, 1, 2
	t := fact.Target{Kind: fact.TargetConnMark, Mask: u32(d, 4)}
	switch same := u32(d, 4) == u32(d, 8); {
	case mode == set:
		t.Text, t.Value = "set", u32(d, 0)
	case mode == save && same:
		t.Text = "save"
	case mode == restore && same:
		t.Text = "restore"
	default:
		return fact.Target{}, false
	}
	return t, true
}

// logTo is struct xt_log_info: level, flags, prefix.
func logTo(_ string, d []byte) (fact.Target, bool) {
	prefix, ok := text(d[2:32])
	return fact.Target{Kind: fact.TargetLog, Text: prefix}, ok
}

// nflog is struct xt_nflog_info: len, group, threshold, flags, pad, prefix.
func nflog(_ string, d []byte) (fact.Target, bool) {
	prefix, ok := text(d[12:76])
	return fact.Target{Kind: fact.TargetLog, Text: prefix}, ok
}

// answers4 and answers6 are REJECT's numbers, ICMP echo replies left out.
var (
	answers4 = map[uint32]string{
		0: "icmp-net-unreachable", 1: "icmp-host-unreachable", 2: "icmp-proto-unreachable", 3: "icmp-port-unreachable",
		5: "icmp-net-prohibited", 6: "icmp-host-prohibited", 7: "tcp-reset", 8: "icmp-admin-prohibited",
	}
	answers6 = map[uint32]string{
		0: "icmp6-no-route", 1: "icmp6-adm-prohibited", 3: "icmp6-addr-unreachable", 4: "icmp6-port-unreachable",
		6: "tcp-reset", 7: "icmp6-policy-fail", 8: "icmp6-reject-route",
	}
)

// reject is struct ipt_reject_info and ip6t_reject_info.
func reject(family string, d []byte) (fact.Target, bool) {
	answers := answers4
	if family == ip6 {
		answers = answers6
	}
	with, ok := answers[u32(d, 0)]
	return fact.Target{Kind: fact.TargetReject, Text: with}, ok
}

func notrack(string, []byte) (fact.Target, bool) {
	return fact.Target{Kind: fact.TargetNoTrack}, true
}

// noCT is struct xt_ct_target_info and _v1, as far as they say NOTRACK and
// nothing else: flags, zone, events of both kinds, helper.
func noCT(_ string, d []byte) (fact.Target, bool) {
	const off, alias = 1, 2
	helper, ok := text(d[12:28])
	plain := ok && helper == "" && u16(d, 2) == 0 && u32(d, 4) == 0 && u32(d, 8) == 0
	return fact.Target{Kind: fact.TargetNoTrack}, plain && u16(d, 0)&^alias == off
}

// tcpMSS is struct xt_tcpmss_info. 65535 fits the size to the path.
func tcpMSS(_ string, d []byte) (fact.Target, bool) {
	t := fact.Target{Kind: fact.TargetTCPMSS, Value: uint32(u16(d, 0))}
	if t.Value == 0xffff {
		t.Text = "clamp-mss-to-pmtu"
	}
	return t, true
}

// queue is struct xt_NFQ_info and its revisions, which begin with the number.
func queue(_ string, d []byte) (fact.Target, bool) {
	return fact.Target{Kind: fact.TargetQueue, Value: uint32(u16(d, 0))}, true
}

// natFlags are the NF_NAT_RANGE_* that choose among equal translations.
var natFlags = []bit{{1 << 2, "random"}, {1 << 3, "persistent"}, {1 << 4, "random-fully"}}

const (
	natAddr  = 1 << 0
	natPorts = 1 << 1
)

// translation is what all NAT targets share. Flags that move a range of ports or
// a whole prefix are not understood.
func translation(kind fact.TargetKind, flags uint32, to fact.AddrRange, ports fact.PortRange) (fact.Target, bool) {
	how, ok := words(flags&^(natAddr|natPorts), natFlags)
	t := fact.Target{Kind: kind, Text: strings.Join(how, " ")}
	if flags&natAddr != 0 {
		t.To = to
	}
	if flags&natPorts != 0 {
		t.Ports = ports
	}
	return t, ok
}

// nat4 is struct nf_nat_ipv4_multi_range_compat: rangesize, flags, two addresses,
// two ports. There is one range since Linux 2.6.11.
func nat4(kind fact.TargetKind) func(string, []byte) (fact.Target, bool) {
	return func(_ string, d []byte) (fact.Target, bool) {
		if u32(d, 0) != 1 {
			return fact.Target{}, false
		}
		return translation(kind, u32(d, 4), fact.AddrRange{First: addr(ip4, d[8:]), Last: addr(ip4, d[12:])},
			fact.PortRange{First: be16(d, 16), Last: be16(d, 18)})
	}
}

// nat is struct nf_nat_range: flags, two addresses of 16 bytes, two ports; and
// nf_nat_range2, whose base port counts only with a flag we do not take.
func nat(kind fact.TargetKind) func(string, []byte) (fact.Target, bool) {
	return func(family string, d []byte) (fact.Target, bool) {
		return translation(kind, u32(d, 0), fact.AddrRange{First: addr(family, d[4:]), Last: addr(family, d[20:])},
			fact.PortRange{First: be16(d, 36), Last: be16(d, 38)})
	}
}
