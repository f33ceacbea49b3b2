package check_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// TestRootOfAnotherPathCounts: a root cause off the path explains something on
// it, so it is the cause to name.
func TestRootOfAnotherPathCounts(t *testing.T) {
	root := &check.Check{ID: "root", Run: func(*check.In) []check.Finding {
		return []check.Finding{{Certainty: check.Proof, Structural: true, Node: "n9", Subject: check.Subject{Kind: "node", Name: "n9"}, Message: "n9 is off"}}
	}}
	follows := &check.Check{ID: "follows", Because: []string{"root"}, Run: func(*check.In) []check.Finding {
		return []check.Finding{{Certainty: check.Proof, Structural: true, Subject: check.Subject{Kind: "service", ID: string(facttest.ApiService), Name: "api"}, Message: "api lacks a task"}}
	}}
	for want, checks := range map[string][]*check.Check{"causes": {root, follows}, "elsewhere": {root}} {
		r, err := check.Run(facttest.Healthy(), checks, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		got := "elsewhere"
		if len(r.Causes) == 1 && r.Causes[0].ID == "root" {
			got = "causes"
		}
		if got != want {
			t.Errorf("%d checks: causes %s, elsewhere %s; want it in %s", len(checks), ids(r.Causes), ids(r.Elsewhere), want)
		}
	}
}

// worker is what a worker knows: no managers, no other node.
func worker() *fact.Snapshot {
	s := facttest.OneNode()
	facttest.MissAll(s, fact.KindSwarm)
	return s
}

func TestWorkerFindsCauses(t *testing.T) {
	fault := func() *fact.Snapshot {
		s := worker()
		dropFDB(s, 1, fact.OverlayMAC(facttest.ApiIP(2)))
		loseVXLAN(s, 1, 2)
		return s
	}
	one := fault()
	if r := run(t, one); len(r.Causes) != 0 || len(r.Settling) != 1 || !check.WantsSecondLook(one, check.All()) {
		t.Errorf("one look: causes %s, settling %s; want it to settle first", ids(r.Causes), ids(r.Settling))
	}
	two := fault()
	two.Earlier = fault()
	r := run(t, two)
	wantCause(t, r, want{id: "fdb-missing", node: "n1", peer: facttest.VTEP(2).String(), subject: string(facttest.Api(2)), certainty: check.Strong})
	if r.ExitCode() != check.ExitFailed {
		t.Errorf("exit %d, want 3", r.ExitCode())
	}
	if r := run(t, worker()); len(r.Causes)+len(r.Settling) != 0 || r.ExitCode() != check.ExitUnknown {
		t.Errorf("healthy worker: causes %s, settling %s, exit %d", ids(r.Causes), ids(r.Settling), r.ExitCode())
	}
}

// TestNamelessNodeIsOnThePath: an engine that hangs does not say which node it
// is; what could not be read there must not count as well.
func TestNamelessNodeIsOnThePath(t *testing.T) {
	s := worker()
	s.Here, s.Nodes[0].ID, s.Nodes[0].Engine.Networks = "", "", nil
	s.Gaps = append(s.Gaps[:1:1], fact.Gap{Node: "n1", Kind: fact.KindNetworks, Class: fact.ClassTimeout, Reason: "list networks: no answer within 10s"})
	for _, c := range run(t, s).Checks {
		if c.Answer == check.OK {
			t.Errorf("%s is ok although the engine did not answer", c.ID)
		}
	}
}
