package check_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestOutsideHealthy(t *testing.T) {
	r := run(t, facttest.Outside(facttest.Mesh()))
	if r.Verdict != check.VerdictOK || len(r.Causes)+len(r.Elsewhere) > 0 || !strings.Contains(r.Summary, "3 of 3 connections open") {
		t.Errorf("%s: %s", r.Verdict, r.Summary)
		for _, c := range r.Checks {
			if c.Answer != check.OK {
				t.Errorf("%s: %s %s", c.ID, c.Answer, c.Reason)
			}
		}
	}
	if !r.Question.Outside || r.Question.To != facttest.DB || r.Probes[0].To != facttest.DB {
		t.Errorf("%+v %+v", r.Question, r.Probes[0])
	}
}

// TestOutsideUnexplained: what no check accounts for is told as it is.
func TestOutsideUnexplained(t *testing.T) {
	for _, c := range []struct {
		name, summary string
		change        func(*fact.Snapshot)
	}{
		{"a connection", "reproduced, unexplained: 2 of 3 connections open", func(s *fact.Snapshot) { facttest.LostAt(s, 2, fact.Timeout, "") }},
		{"a name", "reproduced, unexplained: 1 task gets no address for db.example.com (REFUSED); 2 of 2 connections open", func(s *fact.Snapshot) { facttest.UnnamedAt(s, 2, "REFUSED") }},
	} {
		s := facttest.Outside(facttest.Mesh())
		c.change(s)
		if r := run(t, s); r.Verdict != check.VerdictFailed || !strings.HasPrefix(r.Summary, c.summary) {
			t.Errorf("%s: %s: %s", c.name, r.Verdict, r.Summary)
		}
	}
}

// TestOutsidePath: the gateway bridge lies on the way outside and an overlay's rows
// do not; for a question between tasks it is the other way round.
func TestOutsidePath(t *testing.T) {
	astray := func() *fact.Snapshot {
		s := facttest.Outside(facttest.Mesh())
		dropDefault(s, 2)
		facttest.LostAt(s, 2, fact.Unreachable, "")
		return s
	}
	s := astray()
	s.Earlier = astray()
	r := run(t, s)
	if len(r.Causes) != 1 || r.Causes[0].ID != "egress-gwbridge-broken" || len(r.Causes[0].Explains) != 1 || !strings.Contains(r.Causes[0].Explains[0], "→ db.example.com (203.0.113.5:5432): unreachable") {
		t.Errorf("%+v", r.Causes)
	}
	s = facttest.Mesh()
	s.Earlier = facttest.Mesh()
	dropDefault(s, 2)
	dropDefault(s.Earlier, 2)
	if r := run(t, s); len(r.Causes) != 0 || len(r.Elsewhere) != 1 {
		t.Errorf("between tasks: %+v, elsewhere %+v", r.Causes, r.Elsewhere)
	}
	s = facttest.Outside(facttest.Mesh())
	facttest.NodeOf(s, 1).Kernel.Overlays(facttest.App)[0].FDB = nil
	if r := run(t, s); len(r.Causes) != 0 {
		t.Errorf("an overlay's rows: %+v", r.Causes)
	}
}

// TestOutsideAnswered: an answer came, so what loses packets did not lose it.
func TestOutsideAnswered(t *testing.T) {
	for name, f := range map[string]func(*fact.Snapshot){
		"a refusal":    func(s *fact.Snapshot) { facttest.LostAt(s, 2, fact.Refused, fact.Open) },
		"no such name": func(s *fact.Snapshot) { facttest.UnnamedAt(s, 2, "NXDOMAIN") },
	} {
		r := run(t, asking(func(s *fact.Snapshot) {
			crowd(facttest.NodeOf(s, 2).Kernel.Host(), "1024", 40)
			f(s)
		}))
		if wantAnswer(t, r, "conntrack-full", check.Failed); slices.ContainsFunc(r.Causes, func(c check.Cause) bool { return c.ID == "conntrack-full" && len(c.Explains) > 0 }) {
			t.Errorf("%s: %+v", name, r.Causes)
		}
	}
}

// TestOutsideBesidePublished: a question about a published port and about a place
// outside has causes on either way.
func TestOutsideBesidePublished(t *testing.T) {
	for w, f := range map[want]func(*fact.Snapshot){
		{id: "outside-unreachable"}: outsideFaults["refused"],
		{id: "gwbridge-missing-or-conflict", node: "n2"}: func(s *fact.Snapshot) {
			gwLink(s, 2).Up = false
			closed(s, 2, fact.Timeout)
			facttest.LostAt(s, 2, fact.Timeout, "")
		},
		{id: "ingress-forward-dropped", node: "n2"}: func(s *fact.Snapshot) {
			hostRule(s, 2, "-A DOCKER-USER -p tcp -m tcp --dport 8080 -j DROP")
			closed(s, 2, fact.Timeout)
		},
	} {
		wantCause(t, run(t, asking(func(s *fact.Snapshot) {
			s.Question.Published = 8080
			sc, _ := expect.Resolve(s)
			s.Seen.Published = expect.Mesh(s, &sc)
			for k := range s.Seen.Published {
				answer(&s.Seen.Published[k], fact.Open)
			}
			f(s)
		})), w)
	}
}

// TestOutsideAnotherName: connections to one name's address say nothing of another
// name, nor of the whole Swarm.
func TestOutsideAnotherName(t *testing.T) {
	for _, q := range []fact.Question{{From: "web", To: "other.example.org", Port: facttest.DBAddr.Port(), Proto: "tcp"}, {All: true}} {
		s := asking(outsideFaults["refused"])
		expect.AskAnew(s.Earlier, q)
		expect.AskAnew(s, q)
		if r := run(t, s); len(r.Causes) != 0 || r.Verdict != check.VerdictUnknown {
			t.Errorf("%q: %s: %s", q.To, r.Verdict, r.Summary)
		}
	}
}
