package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// asking is a mesh whose web asks for a place outside, broken so, looked at twice.
func asking(break1 func(*fact.Snapshot)) *fact.Snapshot {
	look := func() *fact.Snapshot {
		s := facttest.Outside(facttest.Mesh())
		break1(s)
		return s
	}
	s := look()
	s.Earlier = look()
	return s
}

// leavingFault expects exactly one cause of a question about a place outside, with
// these parts in what the report says of it; and nothing of it from a question
// between tasks.
func leavingFault(t *testing.T, break1 func(*fact.Snapshot), w want, parts ...string) {
	t.Helper()
	r := run(t, asking(break1))
	wantCause(t, r, w)
	c := r.Causes[0]
	text := fmt.Sprint(c.Message, c.Evidence, c.Relief, c.Explains, c.Confirm, c.Impact)
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in\n%s", p, text)
		}
	}
	s := facttest.Mesh()
	break1(s)
	s.Earlier = s
	r = runOnly(t, s)
	for _, c := range slices.Concat(r.Causes, r.Elsewhere) {
		if c.ID == w.id && w.id != "dns-upstream-unreachable" {
			t.Errorf("between tasks: %+v", c)
		}
	}
}

// leavingAnswer expects an answer of a check, and a part of its reason.
func leavingAnswer(t *testing.T, break1 func(*fact.Snapshot), id string, a check.Answer, part string) {
	t.Helper()
	r := run(t, asking(break1))
	wantAnswer(t, r, id, a)
	for _, c := range r.Checks {
		if c.ID == id && !strings.Contains(c.Reason, part) {
			t.Errorf("%s: reason %q lacks %q", id, c.Reason, part)
		}
	}
	if a == check.Unknown && r.Verdict == check.VerdictOK {
		t.Error("verdict ok")
	}
}

// everywhere does so on all three nodes.
func everywhere(f func(*fact.Snapshot, int)) func(*fact.Snapshot) {
	return func(s *fact.Snapshot) {
		for i := 1; i <= 3; i++ {
			f(s, i)
		}
	}
}

// TestOutsideNotAsked: without a question about a place outside none of its checks
// has anything to say.
func TestOutsideNotAsked(t *testing.T) {
	for _, s := range []*fact.Snapshot{facttest.Mesh(), facttest.Whole(facttest.Mesh())} {
		facttest.NodeOf(s, 2).Engine.Network(facttest.App).Internal = true
		s.Wanted.Network(facttest.App).Internal = true
		dropDefault(s, 2)
		r := runOnly(t, s)
		for _, id := range []string{"internal-network-no-egress", "egress-forward-dropped", "outside-name-unknown", "outside-unreachable"} {
			wantAnswer(t, r, id, check.OK)
		}
	}
}

// TestOutsideNothingTried: that nobody could try is no pass.
func TestOutsideNothingTried(t *testing.T) {
	leavingAnswer(t, func(s *fact.Snapshot) { s.Seen = fact.Seen{} }, "outside-unreachable", check.Unknown, "nobody could try")
}

// TestOutsideNamesOnly: what harms questions for names is no cause where an address
// was asked about.
func TestOutsideNamesOnly(t *testing.T) {
	s := facttest.Outside(facttest.Mesh())
	silentServer(s, 2, 5)
	s.Question.To = facttest.DBAddr.Addr().String()
	if r := run(t, s); len(r.Causes) != 0 || len(r.Elsewhere) != 1 {
		t.Errorf("causes %s, elsewhere %s", ids(r.Causes), ids(r.Elsewhere))
	}
}
