package cli

import (
	"testing"
	"time"

	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// TestEngineThatHangs: an agent that answers for an engine that does not is
// something known about the node, and not a node unseen.
func TestEngineThatHangs(t *testing.T) {
	s := &fact.Snapshot{}
	now := time.Unix(1000, 0)
	a := clocked(&fleet.LookAnswer{Clock: now.Add(time.Hour), Gaps: []fact.Gap{{Kind: fact.KindInfo, Class: fact.ClassTimeout, Reason: "read the engine's info: no whole answer within 10s"}}},
		now, now.Add(10*time.Second))
	keep(s, host{id: "two", name: "n2"}, a, nil)
	n := s.Node("two")
	if n == nil || n.Name != "n2" || n.Engine != nil || n.ClockWithin != 5*time.Second || n.ClockOffset != time.Hour-5*time.Second {
		t.Fatalf("node %+v", n)
	}
	if g := s.Missing("n2", "", fact.KindInfo); g == nil || g.Class != fact.ClassTimeout {
		t.Errorf("gaps %+v, want one for the engine's info, timeout", s.Gaps)
	}
	if g := s.Missing("n2", "", fact.KindFDB); g == nil {
		t.Error("its kernel was not seen, and no gap says so")
	}
	s = &fact.Snapshot{}
	keep(s, host{id: "two", name: "n2"}, &fleet.LookAnswer{Gaps: []fact.Gap{{Kind: fact.KindInfo, Class: fact.ClassPermission}}}, nil)
	if s.Node("two") != nil || len(s.Gaps) != 1 {
		t.Errorf("an engine that refuses: %+v", s)
	}
}
