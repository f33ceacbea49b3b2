package check_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// hostRule puts a rule at the head of a chain of node i's filter table.
func hostRule(s *fact.Snapshot, i int, line string) { saved(s, i, first(line), "filter") }

// A rule of one of the two hosts proves what silence alone only suggests.
func TestVXLANBlockedByARule(t *testing.T) {
	id := "underlay-vxlan-udp-blocked"
	proof := want{id: id, node: "n3", subject: "n3", certainty: check.Proof}
	lost := func(s *fact.Snapshot) {
		loseVXLAN(s, 1, 3)
		loseVXLAN(s, 2, 3)
	}
	row := func(name, line string, w want) mutation {
		return mutation{name: name, mutate: func(s *fact.Snapshot) {
			hostRule(s, 3, line)
			lost(s)
		}, want: w}
	}
	mutations(t, []mutation{
		row("in", "-A INPUT -p udp -m udp --dport 4789 -j DROP", proof),
		row("out, and answers with it", "-A OUTPUT -p udp -m udp --dport 4789 -j REJECT", proof),
		row("a rule about another port says nothing", "-A INPUT -p udp -m udp --dport 53 -j DROP", want{id: id, node: "n3", certainty: check.Strong}),
		{name: "a match that nobody understands changes nothing", mutate: func(s *fact.Snapshot) {
			hostRule(s, 3, "-A INPUT -p udp -m udp --dport 4789 -j DROP")
			r := &facttest.NodeOf(s, 3).Kernel.Host().Netfilter.Table(fact.Legacy, "ip", "filter").Chain("INPUT").Rules[0]
			r.Matches = append(r.Matches, fact.Match{Kind: fact.MatchOpaque, Text: "hashlimit"})
			lost(s)
		}, want: want{id: id, node: "n3", certainty: check.Strong}},
		{name: "packets pass whatever the rules say", mutate: func(s *fact.Snapshot) {
			hostRule(s, 3, "-A INPUT -p udp -m udp --dport 4789 -j DROP")
		}, check: id, answer: check.OK},
	})
	s := facttest.Healthy()
	hostRule(s, 3, "-A INPUT -p udp -m udp --dport 4789 -j DROP")
	n := facttest.NodeOf(s, 3).Kernel.Host().Netfilter
	n.Table(fact.Legacy, "ip", "filter").Chain("INPUT").Rules[0].Hits = fact.Hits{Counted: true, Packets: 7, After: 19, Twice: true}
	lost(s)
	c := run(t, s).Causes[0]
	if !strings.Contains(c.Relief, "on n3: iptables -I INPUT -p udp --dport 4789 -j ACCEPT") ||
		!slices.ContainsFunc(c.Evidence, func(e check.Evidence) bool { return strings.Contains(e.Got, "hit by 7 packets, 12 more while asked") }) {
		t.Errorf("%+v", c)
	}
}

func TestGossipBlockedByARule(t *testing.T) {
	id := "gossip-7946-blocked"
	for name, lines := range map[string][]string{
		"asked":    {"-A INPUT -p udp -m udp --dport 7946 -j DROP", "-A INPUT -p tcp -m tcp --dport 7946 -j DROP"},
		"answered": {"-A OUTPUT -p tcp -m tcp --sport 7946 -j DROP"},
	} {
		t.Run(name, func(t *testing.T) {
			s := facttest.Healthy()
			for _, l := range lines {
				hostRule(s, 2, l)
			}
			for _, k := range []int{1, 3} {
				blockGossip(s, k, 2, fact.Timeout)
			}
			r := run(t, s)
			wantCause(t, r, want{id: id, node: "n2", subject: "n2", certainty: check.Proof})
			for _, l := range lines {
				port := strings.Fields(l)[7]
				if relief := r.Causes[0].Relief; !strings.Contains(relief, port+" -j ACCEPT") || strings.Contains(relief, "on n1") {
					t.Errorf("relief %q", relief)
				}
			}
		})
	}
}
