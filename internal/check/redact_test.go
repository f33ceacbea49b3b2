package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

var seed = []byte("a seed that everybody knows")

// redacted: a redacted snapshot has the same causes, under their aliases.
func redacted(t *testing.T, s *fact.Snapshot) {
	t.Helper()
	want, err1 := check.Run(s, check.All(), 0)
	hidden, aliases := fact.Redact(s, seed)
	got, err2 := check.Run(hidden, check.All(), 0)
	if (err1 == nil) != (err2 == nil) {
		t.Fatalf("error %v, redacted %v", err1, err2)
	}
	if err1 != nil {
		return
	}
	if want.Verdict != got.Verdict || want.ExitCode() != got.ExitCode() {
		t.Errorf("verdict %s (%d), redacted %s (%d)", want.Verdict, want.ExitCode(), got.Verdict, got.ExitCode())
	}
	_ = aliases
	t.Log(got.Summary)
}

func TestRedactedScenarios(t *testing.T) {
	for _, name := range facttest.Scenarios() {
		t.Run(name, func(t *testing.T) { redacted(t, facttest.Scenario(name)) })
	}
}
