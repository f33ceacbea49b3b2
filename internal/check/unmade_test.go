package check_test

import (
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// TestUnmadeConnectionsAreNoPass: a connection that could not even be tried is no
// answer; from a task that is on its way out it says nothing.
func TestUnmadeConnectionsAreNoPass(t *testing.T) {
	s := facttest.Healthy()
	s.Seen.TCP[0].Outcome, s.Seen.TCP[0].Err = fact.ProbeError, "socket: too many open files"
	r, err := check.Run(s, check.All(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != check.VerdictUnknown || len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Reason, "too many open files") {
		t.Errorf("verdict %s, gaps %+v", r.Verdict, r.Gaps)
	}
	s.Wanted.Task(s.Seen.TCP[0].From.Task).Desired = "shutdown"
	if r, err = check.Run(s, check.All(), 0); err != nil || len(r.Gaps) != 0 {
		t.Errorf("a task that goes: gaps %+v (%v)", r.Gaps, err)
	}
}

// TestReportSaysWhatWasChanged: what was put somewhere for a snapshot stands in
// every report of it, from a case, too.
func TestReportSaysWhatWasChanged(t *testing.T) {
	s := facttest.Healthy()
	s.Changed = []string{"Agents were deployed."}
	if r, err := check.Run(s, check.All(), 0); err != nil || len(r.Changed) != 1 {
		t.Errorf("changed %v (%v)", r.Changed, err)
	}
}
