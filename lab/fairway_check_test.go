package lab_test

import (
	"os"
	"testing"

	"fairway/lab"
)

// TestFairwayCheck: with agents everywhere a check of a healthy Swarm sees all
// and finds nothing; a fault on another node is named without any symptom.
func TestFairwayCheck(t *testing.T) {
	l := withFairway(t, lab.Options{Name: "check", Nodes: 3, Engines: []string{"26.1"}, Out: os.Stderr})
	if err := l.DeployAgents(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func(args ...string) answer {
		return fairway(t, l, "n1", append([]string{"check", "-o", "json"}, args...)...)
	}
	for _, args := range [][]string{nil, {"web"}} {
		if a := check(args...); a.code != 0 || a.Verdict != "ok" || len(a.Probes) == 0 {
			t.Fatalf("healthy, %q: exit %d, %+v (%s)", args, a.code, a, a.stderr)
		}
	}
	d, err := l.Break(t.Context(), "fdb-missing", lab.DrawOptions{Seed: 1, Node: "n2"})
	if err != nil {
		t.Fatal(err)
	}
	a := check()
	if a.code != 3 || len(a.Causes) != 1 || a.Causes[0].ID != "fdb-missing" || a.Causes[0].Node != d.Node {
		t.Errorf("broken: exit %d, causes %+v, gaps %+v; want fdb-missing on %s", a.code, a.Causes, a.Gaps, d.Node)
	}
	if _, err := l.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := check(); a.code != 0 {
		t.Errorf("healed: exit %d, %+v", a.code, a)
	}
}
