package fact

import (
	"net/netip"
	"testing"
)

// TestLine: what the kernel tests of collect cannot make, and what has no
// spelling in iptables. The rest is compared with iptables-save there.
func TestLine(t *testing.T) {
	ports := func(kind MatchKind, all ...PortRange) Match { return Match{Kind: kind, Ports: all} }
	tcp, udp := Match{Kind: MatchProtocol, Proto: 6}, Match{Kind: MatchProtocol, Proto: 17}
	four := netip.MustParseAddr("10.0.0.1")
	for want, r := range map[string]Rule{
		"-A X": {},
		"-A X -s 10.0.0.0/8 -p tcp -m tcp --dport 80 -j ACCEPT": {
			Matches: []Match{{Kind: MatchSource, Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, tcp, ports(MatchDestinationPort, PortRange{80, 80})},
			Target:  Target{Kind: TargetAccept},
		},
		"-A X -p tcp -m multiport --dports 80,90:99 -j Y": {
			Matches: []Match{tcp, ports(MatchDestinationPort, PortRange{80, 80}, PortRange{90, 99})},
			Target:  Target{Kind: TargetJump, Chain: "Y"},
		},
		"-A X -p udp [vni 4097] -m ipvs ! --ipvs -g Y": {
			Matches: []Match{udp, {Kind: MatchVNI, Value: 4097}, {Kind: MatchIPVS, Not: true}},
			Target:  Target{Kind: TargetGoto, Chain: "Y"},
		},
		"-A X [family ipv6] ! [opaque fib saddr] -j [xt TPROXY]": {
			Matches: []Match{{Kind: MatchFamily, Text: "ipv6"}, {Kind: MatchOpaque, Not: true, Text: "fib saddr"}},
			Target:  Target{Kind: TargetOpaque, Text: "xt TPROXY"},
		},
		"-A X -p ipv6-icmp -m icmp6 --icmpv6-type 1/2-3 -j RETURN": {
			Matches: []Match{{Kind: MatchProtocol, Proto: 58}, {Kind: MatchICMPType, Value: 1, Mask: 2<<8 | 3}},
			Target:  Target{Kind: TargetReturn},
		},
		"-A X ! -p 99 -m addrtype --src-type LOCAL --limit-iface-out -j SNAT --to-source 10.0.0.1 --random": {
			Matches: []Match{{Kind: MatchProtocol, Proto: 99, Not: true}, {Kind: MatchSourceType, States: []string{"LOCAL"}, Iface: "out"}},
			Target:  Target{Kind: TargetSNAT, To: AddrRange{four, four}, Text: "random"},
		},
		`-A X -m comment --comment "" -j LOG --log-prefix "a \"b\" "`: {
			Matches: []Match{{Kind: MatchComment}},
			Target:  Target{Kind: TargetLog, Text: `a "b" `},
		},
		"-A X -m conntrack --ctstate NEW -j DNAT --to-destination :80-90": {
			Matches: []Match{{Kind: MatchState, States: []string{"NEW"}}},
			Target:  Target{Kind: TargetDNAT, Ports: PortRange{80, 90}},
		},
		"-A X -m set ! --match-set ufw src -j NFQUEUE --queue-num 3": {
			Matches: []Match{{Kind: MatchSet, Not: true, Text: "ufw src"}},
			Target:  Target{Kind: TargetQueue, Value: 3},
		},
	} {
		if got := r.Line("X"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
