package expect

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"fairway/internal/fact"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func network(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }

func dport(n uint16) fact.Match {
	return fact.Match{Kind: fact.MatchDestinationPort, Ports: []fact.PortRange{{First: n, Last: n}}}
}

func tcp() fact.Match { return fact.Match{Kind: fact.MatchProtocol, Proto: 6} }

func rules(rs ...fact.Rule) []fact.Rule {
	for i := range rs {
		rs[i].Number = i + 1
	}
	return rs
}

func rule(t fact.TargetKind, ms ...fact.Match) fact.Rule {
	return fact.Rule{Matches: ms, Target: fact.Target{Kind: t}}
}

func jump(to string, ms ...fact.Match) fact.Rule {
	return fact.Rule{Matches: ms, Target: fact.Target{Kind: fact.TargetJump, Chain: to}}
}

// hosts is a host with the chains given in its filter table; the first is FORWARD.
func hosts(policy string, chains ...fact.Chain) *fact.NetNS {
	chains[0].Hook, chains[0].Type, chains[0].Policy, chains[0].Name = "forward", "filter", policy, "FORWARD"
	return &fact.NetNS{
		Links: []fact.Link{{Index: 1, Name: "eth0", Addrs: []netip.Prefix{netip.MustParsePrefix("10.77.0.11/24")}}},
		Netfilter: &fact.Netfilter{Tables: []fact.RuleTable{
			{Backend: fact.NFTables, Family: "ip", Name: "filter", Chains: chains}}},
	}
}

func syn() Packet {
	return Packet{Src: addr("10.77.0.99"), Dst: addr("172.18.0.2"), Proto: 6, SrcPort: 40000, DstPort: 8080,
		Flags: 2, In: "eth0", Out: "docker_gwbridge", State: "NEW"}
}

func TestWalkOfOneHook(t *testing.T) {
	opaque := fact.Match{Kind: fact.MatchOpaque, Text: "geoip"}
	for _, c := range []struct {
		name string
		ns   *fact.NetNS
		fate Fate
		by   string // a part of By
		why  string // a part of Why
	}{
		{"no rules", hosts("accept", fact.Chain{}), Accepted, "", ""},
		{"policy", hosts("drop", fact.Chain{}), Dropped, "policy drop of filter FORWARD", ""},
		{"first that matches", hosts("accept", fact.Chain{Rules: rules(
			rule(fact.TargetDrop, tcp(), dport(22)), rule(fact.TargetDrop, tcp(), dport(8080)), rule(fact.TargetAccept))}),
			Dropped, "rule 2", ""},
		{"accept before drop", hosts("drop", fact.Chain{Rules: rules(rule(fact.TargetAccept, tcp()), rule(fact.TargetDrop))}),
			Accepted, "", ""},
		{"return goes on behind the jump", hosts("drop",
			fact.Chain{Rules: rules(jump("USER"), rule(fact.TargetAccept))},
			fact.Chain{Name: "USER", Rules: rules(rule(fact.TargetReturn), rule(fact.TargetDrop))}), Accepted, "", ""},
		{"return from a base chain is its policy", hosts("drop", fact.Chain{Rules: rules(rule(fact.TargetReturn), rule(fact.TargetAccept))}),
			Dropped, "policy", ""},
		{"goto does not come back", hosts("drop",
			fact.Chain{Rules: rules(fact.Rule{Target: fact.Target{Kind: fact.TargetGoto, Chain: "X"}}, rule(fact.TargetAccept))},
			fact.Chain{Name: "X"}), Dropped, "policy", ""},
		{"a drop inside", hosts("accept", fact.Chain{Rules: rules(jump("DOCKER-USER"))},
			fact.Chain{Name: "DOCKER-USER", Rules: rules(rule(fact.TargetDrop, fact.Match{Kind: fact.MatchOut, Iface: "docker_gw+"}))}),
			Dropped, "rule 1 of filter DOCKER-USER", ""},
		{"not", hosts("accept", fact.Chain{Rules: rules(rule(fact.TargetDrop, fact.Match{Kind: fact.MatchSource, Not: true, Prefixes: network("10.77.0.0/16")}))}),
			Accepted, "", ""},
		{"opaque that would drop", hosts("accept", fact.Chain{Rules: rules(rule(fact.TargetDrop, opaque))}), FateUnknown, "rule 1", "geoip"},
		{"opaque that would accept what is accepted", hosts("accept", fact.Chain{Rules: rules(rule(fact.TargetAccept, opaque))}), Accepted, "", ""},
		{"opaque that would drop what is dropped", hosts("drop", fact.Chain{Rules: rules(rule(fact.TargetDrop, opaque))}), Dropped, "policy", "may stop it before"},
		{"opaque that only logs", hosts("accept", fact.Chain{Rules: rules(rule(fact.TargetLog, opaque))}), Accepted, "", ""},
		{"opaque beside a match that fails", hosts("accept", fact.Chain{Rules: rules(rule(fact.TargetDrop, opaque, dport(22)))}), Accepted, "", ""},
		{"opaque jump into a drop", hosts("accept", fact.Chain{Rules: rules(jump("X", opaque))},
			fact.Chain{Name: "X", Rules: rules(rule(fact.TargetDrop))}), FateUnknown, "rule 1 of filter FORWARD", "geoip"},
		{"opaque jump into nothing", hosts("accept", fact.Chain{Rules: rules(jump("X", opaque))}, fact.Chain{Name: "X"}), Accepted, "", ""},
		{"opaque return before a drop", hosts("accept", fact.Chain{Rules: rules(rule(fact.TargetReturn, opaque), rule(fact.TargetDrop))}),
			FateUnknown, "rule 1", "geoip"},
		{"opaque accept before a drop", hosts("accept", fact.Chain{Rules: rules(rule(fact.TargetAccept, opaque), rule(fact.TargetDrop))}),
			FateUnknown, "rule 1", "geoip"},
		{"opaque target", hosts("accept", fact.Chain{Rules: rules(fact.Rule{Target: fact.Target{Kind: fact.TargetOpaque, Text: "TPROXY"}})}),
			FateUnknown, "rule 1", "TPROXY"},
		{"a chain that was not read", hosts("accept", fact.Chain{Rules: rules(jump("GONE"))}), FateUnknown, "rule 1", "GONE"},
		{"a loop", hosts("accept", fact.Chain{Rules: rules(jump("X"))}, fact.Chain{Name: "X", Rules: rules(jump("X"))}), FateUnknown, "", "deeper"},
		{"reject", hosts("accept", fact.Chain{Rules: rules(rule(fact.TargetReject))}), Rejected, "rule 1", ""},
		{"limit", hosts("drop", fact.Chain{Rules: rules(rule(fact.TargetAccept, fact.Match{Kind: fact.MatchLimit, Text: "3/sec"}))}),
			FateUnknown, "rule 1", "limit 3/sec"},
		{"state", hosts("accept", fact.Chain{Rules: rules(rule(fact.TargetDrop, fact.Match{Kind: fact.MatchState, States: []string{"NEW"}}))}), Dropped, "rule 1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Walk(c.ns, "forward", syn())
			by := ""
			if got.By != nil {
				by = got.By.String()
			}
			if got.Fate != c.fate || !strings.Contains(by, c.by) || c.by == "" && by != "" && c.fate == Accepted || !strings.Contains(got.Why, c.why) {
				t.Errorf("got %s by %q because %q, want %s by %q because %q", got.Fate, by, got.Why, c.fate, c.by, c.why)
			}
		})
	}
}

func TestWalkOverTables(t *testing.T) {
	ns := hosts("accept", fact.Chain{Rules: rules(rule(fact.TargetAccept))})
	ns.Netfilter.Tables = append(ns.Netfilter.Tables, fact.RuleTable{Backend: fact.NFTables, Family: "inet", Name: "mine", Chains: []fact.Chain{
		{Name: "fwd", Hook: "forward", Type: "filter", Priority: 10, Policy: "drop"}}})
	if got := Walk(ns, "forward", syn()); got.Fate != Dropped || got.By.String() != "policy drop of inet mine fwd of nf_tables" {
		t.Errorf("an accept in one base chain does not end the hook: %+v", got)
	}
	ns.Netfilter.Tables[1].Dormant = true
	if got := Walk(ns, "forward", syn()); got.Fate != Accepted {
		t.Errorf("a dormant table is not in force: %+v", got)
	}
}

// ingress is the host's nat and mangle at PREROUTING, as the engine writes it, and the sandbox's marks.
func ingress() *fact.NetNS {
	ns := hosts("accept", fact.Chain{})
	ns.Netfilter.Tables = append(ns.Netfilter.Tables,
		fact.RuleTable{Backend: fact.Legacy, Family: "ip", Name: "nat", Chains: []fact.Chain{
			{Name: "PREROUTING", Hook: "prerouting", Type: "nat", Priority: -100, Policy: "accept",
				Rules: rules(jump("DOCKER-INGRESS", fact.Match{Kind: fact.MatchDestinationType, States: []string{"LOCAL"}}))},
			{Name: "DOCKER-INGRESS", Rules: rules(fact.Rule{Matches: []fact.Match{tcp(), dport(8080)},
				Target: fact.Target{Kind: fact.TargetDNAT, To: fact.AddrRange{First: addr("172.18.0.2"), Last: addr("172.18.0.2")},
					Ports: fact.PortRange{First: 8080, Last: 8080}}}, rule(fact.TargetReturn))}}},
		fact.RuleTable{Backend: fact.Legacy, Family: "ip", Name: "mangle", Chains: []fact.Chain{
			{Name: "PREROUTING", Hook: "prerouting", Type: "filter", Priority: -150, Policy: "accept", Rules: rules(
				fact.Rule{Matches: []fact.Match{tcp(), dport(8080)}, Target: fact.Target{Kind: fact.TargetMark, Value: 0x100, Mask: ^uint32(0)}},
				fact.Rule{Matches: []fact.Match{tcp(), dport(8080)}, Target: fact.Target{Kind: fact.TargetMark, Value: 0x105, Mask: ^uint32(0)}})}}})
	return ns
}

func TestWalkTranslatesAndMarks(t *testing.T) {
	p := syn()
	p.Dst, p.Out = addr("10.77.0.11"), ""
	got := Walk(ingress(), "prerouting", p)
	if got.Fate != Accepted || got.Packet.Dst != addr("172.18.0.2") || got.Packet.Mark != 0x105 || len(got.Did) != 3 {
		t.Errorf("the last mark wins and the address is translated: %+v", got)
	}
	p.Dst = addr("10.77.0.12") // another host's
	if got := Walk(ingress(), "prerouting", p); got.Packet.Dst != p.Dst {
		t.Errorf("only what is for this host is translated: %+v", got.Packet)
	}
	p.Dst, p.State = addr("10.77.0.11"), "ESTABLISHED"
	if got := Walk(ingress(), "prerouting", p); got.Packet.Dst != p.Dst {
		t.Errorf("nat sees new connections only: %+v", got.Packet)
	}
}

func TestWalkMarkIsUnsureAfterAnOpaqueMatch(t *testing.T) {
	ns := ingress()
	m := &ns.Netfilter.Tables[2].Chains[0].Rules[1]
	m.Matches = append(m.Matches, fact.Match{Kind: fact.MatchOpaque, Text: "time"})
	p := syn()
	p.Dst = addr("10.77.0.11")
	if got := Walk(ns, "prerouting", p); !got.Packet.MarkUnsure || got.Fate != Accepted {
		t.Errorf("got %+v", got)
	}
}

// Whatever the rules: making a match opaque never turns one sure fate into the other.
func TestWalkOpaqueNeverLies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := hosts(rapid.SampledFrom([]string{"accept", "drop"}).Draw(t, "policy"), chains(t)...)
		before := Walk(ns, "forward", syn())
		c := &ns.Netfilter.Tables[0].Chains[rapid.IntRange(0, len(ns.Netfilter.Tables[0].Chains)-1).Draw(t, "chain")]
		if len(c.Rules) == 0 {
			return
		}
		r := &c.Rules[rapid.IntRange(0, len(c.Rules)-1).Draw(t, "rule")]
		r.Matches = append([]fact.Match(nil), r.Matches...)
		for i := range r.Matches {
			r.Matches[i] = fact.Match{Kind: fact.MatchOpaque, Not: r.Matches[i].Not}
		}
		after := Walk(ns, "forward", syn())
		if after.Fate != FateUnknown && before.Fate != FateUnknown && (after.Fate == Accepted) != (before.Fate == Accepted) {
			t.Fatalf("%s became %s", before.Fate, after.Fate)
		}
	})
}

func chains(t *rapid.T) []fact.Chain {
	names := []string{"FORWARD", "A", "B"}
	var out []fact.Chain
	for i, n := range names {
		out = append(out, fact.Chain{Name: n, Rules: rules(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) fact.Rule {
			r := rule(rapid.SampledFrom([]fact.TargetKind{fact.TargetAccept, fact.TargetDrop, fact.TargetReturn, fact.TargetLog,
				fact.TargetReject, fact.TargetJump, fact.TargetGoto}).Draw(t, "target"),
				dport(rapid.SampledFrom([]uint16{22, 8080}).Draw(t, "port")))
			if r.Target.Kind == fact.TargetJump || r.Target.Kind == fact.TargetGoto {
				if i == len(names)-1 {
					return rule(fact.TargetLog)
				}
				r.Target.Chain = names[i+1]
			}
			r.Matches[0].Not = rapid.Bool().Draw(t, "not")
			return r
		}), 0, 5).Draw(t, n)...)})
	}
	return out
}
