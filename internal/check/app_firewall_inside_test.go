package check_test

import (
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// insideFilter gives a task on node i a filter table, as iptables-save prints it.
func insideFilter(s *fact.Snapshot, i int, task fact.TaskID, save string) {
	n := facttest.SandboxOf(s, i, task).Netfilter
	n.Tables = append(n.Tables, facttest.Saved(fact.NFTables, "ip", save)...)
}

func TestAppFirewallInside(t *testing.T) {
	id := "app-firewall-inside"
	api := want{id: id, node: "n3", subject: string(facttest.Api(3)), certainty: check.Proof}
	deaf := func(s *fact.Snapshot, o fact.Outcome) {
		for i := 1; i <= 3; i++ {
			facttest.Fail(s, i, facttest.Api(3), o)
		}
	}
	mutations(t, []mutation{
		{name: "drop by port", mutate: func(s *fact.Snapshot) {
			insideFilter(s, 3, facttest.Api(3), emptyFilter+"-A INPUT -p tcp -m tcp --dport 8080 -j DROP\nCOMMIT\n")
			deaf(s, fact.Timeout)
		}, want: api},
		{name: "policy, and echoes are dropped, too", mutate: func(s *fact.Snapshot) {
			insideFilter(s, 3, facttest.Api(3), "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n")
			deaf(s, fact.Timeout)
			loseVXLAN(s, 1, 3)
			loseVXLAN(s, 2, 3)
		}, want: api},
		{name: "reject", mutate: func(s *fact.Snapshot) {
			insideFilter(s, 3, facttest.Api(3), emptyFilter+"-A INPUT -p tcp -m tcp --dport 8080 -j REJECT --reject-with tcp-reset\nCOMMIT\n")
			deaf(s, fact.Refused)
		}, want: api},
		{name: "a source that lets nothing out", mutate: func(s *fact.Snapshot) {
			insideFilter(s, 1, facttest.Web(1), emptyFilter+"-A OUTPUT -p tcp -m tcp --dport 8080 -j DROP\nCOMMIT\n")
			for k := 1; k <= 3; k++ {
				facttest.Fail(s, 1, facttest.Api(k), fact.Timeout)
			}
		}, want: want{id: id, node: "n1", subject: string(facttest.Web(1)), certainty: check.Proof}},
		{name: "connections pass, whatever the rules say", mutate: func(s *fact.Snapshot) {
			insideFilter(s, 3, facttest.Api(3), emptyFilter+"-A INPUT -p tcp -m tcp --dport 8080 -j DROP\nCOMMIT\n")
		}, check: id, answer: check.OK},
		{name: "another port", mutate: func(s *fact.Snapshot) {
			insideFilter(s, 3, facttest.Api(3), emptyFilter+"-A INPUT -p tcp -m tcp --dport 22 -j DROP\nCOMMIT\n")
		}, check: id, answer: check.OK},
		{name: "a match that is not understood", mutate: func(s *fact.Snapshot) {
			insideFilter(s, 3, facttest.Api(3), emptyFilter+"-A INPUT -p tcp -m tcp --dport 8080 -j DROP\nCOMMIT\n")
			r := &facttest.SandboxOf(s, 3, facttest.Api(3)).Netfilter.Table(fact.NFTables, "ip", "filter").Chain("INPUT").Rules[0]
			r.Matches = append(r.Matches, fact.Match{Kind: fact.MatchOpaque, Text: "recent"})
			deaf(s, fact.Timeout)
		}, check: id, answer: check.Unknown},
		{name: "rules unread", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 3, fact.KindRules) }, check: id, answer: check.Unknown},
	})
	t.Run("published port", func(t *testing.T) {
		s := meshAsked("26.1.5")
		insideFilter(s, 2, facttest.Api(2), emptyFilter+"-A INPUT -p tcp -m tcp --dport 8080 -j DROP\nCOMMIT\n")
		for i := range s.Seen.Published {
			if q := &s.Seen.Published[i]; q.Stage == fact.StageNode {
				q.Requests[0].Outcome, q.Requests[0].Status = fact.Timeout, 0
			}
		}
		r := run(t, s)
		if len(r.Causes) != 1 || r.Causes[0].ID != id || r.Causes[0].Node != "n2" || !strings.Contains(r.Causes[0].Relief, "-I INPUT -p tcp --dport 8080 -j ACCEPT") {
			t.Fatalf("causes %+v", r.Causes)
		}
	})
}
