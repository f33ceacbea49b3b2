package check_test

import (
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// insideNAT rewrites the nat table inside web's task on node i.
func insideNAT(s *fact.Snapshot, i int, f func(*fact.RuleTable)) {
	f(facttest.SandboxOf(s, i, facttest.Web(i)).Netfilter.Table(fact.Legacy, "ip", "nat"))
}

func flushInside(s *fact.Snapshot, i int) {
	insideNAT(s, i, func(t *fact.RuleTable) {
		for k := range t.Chains {
			t.Chains[k].Rules = nil
		}
	})
}

func TestDNSResolverNATMissing(t *testing.T) {
	id := "dns-resolver-nat-missing"
	w := want{id: id, node: "n1", subject: string(facttest.Web(1)), certainty: check.Proof}
	mutations(t, []mutation{
		{name: "rules flushed", mutate: func(s *fact.Snapshot) {
			deafResolver(s, 1, fact.Refused)
			askBehind(s, 1, fact.Open)
			flushInside(s, 1)
		}, want: w, explain: 1},
		{name: "rules lead to another port", mutate: func(s *fact.Snapshot) {
			deafResolver(s, 1, fact.Refused)
			insideNAT(s, 1, func(t *fact.RuleTable) {
				for k := range t.Chain("DOCKER_OUTPUT").Rules {
					t.Chain("DOCKER_OUTPUT").Rules[k].Target.Ports = fact.PortRange{First: 9, Last: 9}
				}
			})
		}, want: w},
		{name: "the jump is gone", mutate: func(s *fact.Snapshot) {
			deafResolver(s, 1, fact.Timeout)
			askBehind(s, 1, fact.Open)
			insideNAT(s, 1, func(t *fact.RuleTable) { t.Chain("OUTPUT").Rules = nil })
		}, want: w},
		{name: "it answers, whatever the rules say", mutate: func(s *fact.Snapshot) { flushInside(s, 1) }, check: id, answer: check.OK},
		{name: "a rule that is not understood", mutate: func(s *fact.Snapshot) {
			deafResolver(s, 1, fact.ProbeError)
			insideNAT(s, 1, func(t *fact.RuleTable) {
				c := t.Chain("OUTPUT")
				c.Rules = append([]fact.Rule{{Number: 1, Target: fact.Target{Kind: fact.TargetOpaque, Text: "TPROXY"}}}, c.Rules...)
			})
		}, check: id, answer: check.Unknown},
		{name: "rules unread", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 1, fact.KindRules) }, check: id, answer: check.Unknown},
	})
	s := facttest.Healthy()
	deafResolver(s, 1, fact.Refused)
	flushInside(s, 1)
	if c := run(t, s).Causes; len(c) != 1 || !strings.Contains(c[0].Relief, "iptables -t nat -I OUTPUT -p udp -d 127.0.0.11 --dport 53 -j DNAT --to-destination 127.0.0.11:40002") {
		t.Errorf("causes %+v", c)
	}
}
