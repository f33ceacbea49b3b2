package cli

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/deploy"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// TestDrainedManagerIsNamed: nothing in question runs there and no agent does,
// so it is told and spoils no verdict; without agents nobody expects it.
func TestDrainedManagerIsNamed(t *testing.T) {
	s := facttest.Healthy()
	s.Wanted.Nodes = append(s.Wanted.Nodes, fact.SwarmNode{ID: "drained", Hostname: "n9", Role: "manager", Availability: "drain", State: "ready"},
		fact.SwarmNode{ID: "worker", Hostname: "n8", Role: "worker", Availability: "drain", State: "ready"})
	if gaps := aside(s, nil); len(gaps) != 0 {
		t.Errorf("without agents: %+v", gaps)
	}
	s.Wanted.Services = append(s.Wanted.Services, fact.Service{ID: "agents", Name: deploy.Service, AgentPort: deploy.Port})
	if gaps := aside(s, []host{{id: "drained"}}); len(gaps) != 0 {
		t.Errorf("it was asked: %+v", gaps)
	}
	s.Gaps = aside(s, nil)
	if len(s.Gaps) != 1 || s.Gaps[0].Node != "n9" {
		t.Fatalf("%+v, want n9", s.Gaps)
	}
	r, err := check.Run(s, check.All(), 0)
	if err != nil || r.Verdict != check.VerdictOK || len(r.Gaps) != 1 {
		t.Errorf("verdict %s with %+v (%v), want ok and the gap", r.Verdict, r.Gaps, err)
	}
	s.Gaps[0].Class = fact.ClassUnseen
	if r, err := check.Run(s, check.All(), 0); err != nil || r.Verdict != check.VerdictUnknown {
		t.Errorf("verdict %s with a gap that matters (%v)", r.Verdict, err)
	}
}
