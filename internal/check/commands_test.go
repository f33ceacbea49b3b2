package check_test

import (
	"strings"
	"testing"
	"time"

	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestNamesInCommandsAreQuoted(t *testing.T) {
	s := facttest.Healthy()
	again(s, func(s *fact.Snapshot) {
		s.Wanted.ServiceNamed("api").Name = "api;reboot"
		s.Question.To = "api;reboot"
		past(s, 2, 1, 12*time.Second, "failed", "task: non-zero exit (3)")
		now(s, 2, 7*time.Second, "rejected", "ready", "No such image: x")
	})
	for _, c := range run(t, s).Causes {
		if text := c.Relief + c.Confirm; c.ID == "task-not-running" && (!strings.Contains(text, "'api;reboot'") || strings.Contains(text, " api;reboot")) {
			t.Errorf("relief %q, confirm %q", c.Relief, c.Confirm)
		}
	}
}

func TestMissingCommandHasNoRelief(t *testing.T) {
	s := facttest.Healthy()
	again(s, func(s *fact.Snapshot) {
		for i := 1; i <= 2; i++ {
			past(s, 2, i, time.Duration(5+5*i)*time.Second, "failed", `starting container failed: exec: "nginxx": executable file not found in $PATH`)
		}
		now(s, 2, 7*time.Second, "ready", "ready", "")
	})
	r := run(t, s)
	if len(r.Causes) == 0 || !strings.HasPrefix(r.Causes[0].Relief, "Nothing restores it but the fix") {
		t.Errorf("causes %+v", r.Causes)
	}
}
