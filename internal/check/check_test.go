package check_test

import (
	"slices"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// run judges a snapshot with every check.
func run(t *testing.T, s *fact.Snapshot) *check.Report {
	t.Helper()
	r := runOnly(t, s)
	redacted(t, s, r)
	return r
}

// runOnly is run for a snapshot whose facts were seen by run already.
func runOnly(t *testing.T, s *fact.Snapshot) *check.Report {
	t.Helper()
	r, err := check.Run(s, check.All(), time.Second)
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return r
}

// want is the one cause that a mutation of a healthy snapshot must lead to.
type want struct {
	id, node, peer string
	subject        string // ID of the subject, or its name
	certainty      check.Certainty
}

// mutation reads as the fault itself. A zero want means: silent. answer, when
// set, is what the check named by want.id (or by check) must answer.
type mutation struct {
	name    string
	mutate  func(*fact.Snapshot)
	want    want
	check   string
	answer  check.Answer
	explain int // at least so many consequences
}

// mutations runs a table: each row breaks a healthy snapshot and must give
// exactly its cause, named first, and no other.
func mutations(t *testing.T, rows []mutation) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := facttest.Healthy()
			row.mutate(s)
			r := run(t, s)
			if row.answer != "" {
				wantAnswer(t, r, row.check, row.answer)
			}
			if row.want.id == "" {
				if len(r.Causes) != 0 {
					t.Fatalf("want no cause, got %s", ids(r.Causes))
				}
				return
			}
			wantCause(t, r, row.want)
			ablated(t, &row)
			reordered(t, &row)
			hostile(t, &row)
			if len(r.Causes[0].Explains) < row.explain {
				t.Errorf("explains %q, want at least %d lines", r.Causes[0].Explains, row.explain)
			}
		})
	}
}

func wantCause(t *testing.T, r *check.Report, w want) {
	t.Helper()
	if len(r.Causes) != 1 || r.Causes[0].ID != w.id {
		t.Fatalf("want exactly %s, got %s (settling %s, elsewhere %s)", w.id, ids(r.Causes), ids(r.Settling), ids(r.Elsewhere))
	}
	c := r.Causes[0]
	if c.Node != w.node || c.Peer != w.peer {
		t.Errorf("node %q peer %q, want %q %q", c.Node, c.Peer, w.node, w.peer)
	}
	if w.subject != "" && c.Subject.ID != w.subject && c.Subject.Name != w.subject {
		t.Errorf("subject %+v, want %s", c.Subject, w.subject)
	}
	if w.certainty != "" && c.Certainty != w.certainty {
		t.Errorf("certainty %s, want %s", c.Certainty, w.certainty)
	}
	if len(c.Evidence) == 0 || c.Message == "" || c.Confirm == "" || c.Relief == "" || c.Fix == "" || c.Impact == "" {
		t.Errorf("cause lacks evidence, message, confirm, relief, fix or impact: %+v", c)
	}
}

func wantAnswer(t *testing.T, r *check.Report, id string, a check.Answer) {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c check.CheckAnswer) bool { return c.ID == id })
	if i < 0 || r.Checks[i].Answer != a {
		t.Errorf("check %s: %+v, want %s", id, r.Checks, a)
	}
}

func ids(list []check.Cause) []string {
	out := []string{}
	for _, c := range list {
		out = append(out, c.ID+"@"+c.Node+"/"+c.Subject.Name)
	}
	return out
}

func TestHealthyIsSilent(t *testing.T) {
	r := run(t, facttest.Healthy())
	if r.Verdict != check.VerdictOK || len(r.Causes)+len(r.Settling)+len(r.Elsewhere) != 0 {
		t.Fatalf("verdict %s, causes %s, settling %s, elsewhere %s", r.Verdict, ids(r.Causes), ids(r.Settling), ids(r.Elsewhere))
	}
	for _, a := range r.Checks {
		if a.Answer != check.OK {
			t.Errorf("%s: %s (%s)", a.ID, a.Answer, a.Reason)
		}
	}
}

func TestUnseenNodesAreUnknown(t *testing.T) {
	r := run(t, facttest.OneNode())
	if r.Verdict != check.VerdictUnknown || r.ExitCode() != check.ExitUnknown || len(r.Gaps) != 2 {
		t.Fatalf("verdict %s, exit %d, gaps %v", r.Verdict, r.ExitCode(), r.Gaps)
	}
}
