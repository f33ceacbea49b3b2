package check_test

import (
	"hash/fnv"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// drawn tells whether a test is among the quarter, always the same, whose snapshots
// are redacted as well: it takes as long as all the rest. FAIRWAY_REDACT=all takes
// them all.
func drawn(t *testing.T) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.Name()))
	return h.Sum32()%4 == 0 || os.Getenv("FAIRWAY_REDACT") == "all"
}

// redacted: a redacted snapshot has the same causes, under their aliases, and
// shows no original.
func redacted(t *testing.T, s *fact.Snapshot, r *check.Report) {
	t.Helper()
	if !drawn(t) {
		return
	}
	if s.Earlier == s {
		return // a short cut of a test: no snapshot that was taken or read is its own past
	}
	hidden, aliases := fact.Redact(s, []byte("a seed that everybody knows"))
	for _, w := range facttest.Redacted(s, hidden) {
		t.Errorf("redacted: %s", w)
	}
	got, err := check.Run(hidden, check.All(), 0)
	if err != nil {
		t.Errorf("redacted: %v", err)
		return
	}
	if d := cmp.Diff(causes(r, aliases), causes(got, nil)); d != "" {
		t.Errorf("the redacted snapshot tells another story (-original +redacted):\n%s", d)
	}
}

// causes are what a report says apart from its sentences, under aliases if there
// are any.
func causes(r *check.Report, a *fact.Aliases) any {
	alias := func(s string) string {
		if a == nil || s == "" {
			return s
		}
		return a.Text(s)
	}
	type cause struct {
		ID                           string
		Certainty                    check.Certainty
		Node, Peer, Network, Subject string
		Follow                       int
	}
	out := []any{r.Verdict, r.ExitCode()}
	for _, c := range r.Checks {
		out = append(out, c.ID, c.Answer)
	}
	for _, list := range [][]check.Cause{r.Causes, r.Elsewhere, r.Settling, r.Unconfirmed} {
		var told []cause
		for _, c := range list {
			told = append(told, cause{c.ID, c.Certainty, alias(c.Node), alias(c.Peer), alias(c.Network), c.Subject.Kind + alias(c.Subject.ID) + alias(c.Subject.Name), len(c.Explains)})
		}
		slices.SortFunc(told, func(a, b cause) int {
			return slices.Compare([]string{a.ID, a.Node, a.Peer, a.Network, a.Subject}, []string{b.ID, b.Node, b.Peer, b.Network, b.Subject})
		})
		out = append(out, told)
	}
	return out
}

func TestRedactedScenarios(t *testing.T) {
	for _, name := range facttest.Scenarios() {
		t.Run(name, func(t *testing.T) {
			s := facttest.Scenario(name)
			redacted(t, s, run(t, s))
		})
	}
}
