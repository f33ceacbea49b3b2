package lab_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"

	"fairway/lab"
)

// TestFairwayNodesUnseen has agents deployed, and each other node in its own
// trouble: one drained, one paused that never had an agent, one with the port
// of its agent closed, one whose engine is stopped. The report names each with
// its own reason, and takes nothing unseen for a cause.
func TestFairwayNodesUnseen(t *testing.T) {
	l := withFairway(t, lab.Options{Name: "unseen", Nodes: 5, Managers: 3, Engines: []string{"26.1"}, Out: os.Stderr})
	if err := l.SetAvailability(t.Context(), "n5", swarm.NodeAvailabilityPause); err != nil {
		t.Fatal(err) // before there are agents: a paused node keeps the one it has
	}
	if err := l.DeployAgents(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.SetAvailability(t.Context(), "n2", swarm.NodeAvailabilityDrain); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Exec(t.Context(), "n3", "iptables", "-I", "INPUT", "-p", "tcp", "--dport", "9747", "-j", "DROP"); err != nil {
		t.Fatal(err)
	}
	unseen := map[string]string{
		"n2": "not looked at: it is drained, so no task in question runs there",
		"n3": "its agent runs, and 10.77.0.13:9747 does not answer",
		"n5": "it is paused, and no agent was there before",
	}
	names(t, l, unseen, "")
	if err := l.StopEngine(t.Context(), "n4"); err != nil {
		t.Fatal(err)
	}
	missed(t, l, "n4")
	// Its host refuses what its engine should take: that is known, and a cause.
	names(t, l, unseen, "n4")
}

// missed waits until the managers miss a node.
func missed(t *testing.T, l *lab.Lab, node string) {
	t.Helper()
	for range 120 {
		if state, err := l.Exec(t.Context(), "n1", "docker", "node", "inspect", "-f", "{{.Status.State}}", node); err == nil && strings.TrimSpace(state) == "down" {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
	t.Fatalf("the managers do not miss %s", node)
}

// names asks until every node of unseen has a gap with its words: tasks take their
// time to leave a drained node. At no time there may be a cause,
// but for an engine that does not run on stopped.
func names(t *testing.T, l *lab.Lab, unseen map[string]string, stopped string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		a := fairwayWith(t, l, "n1", []string{"HOME=/root"}, question...)
		code := 4
		if stopped != "" {
			code = 3
		}
		for _, c := range a.Causes {
			if c.ID != "dockerd-hung" || c.Node != stopped {
				t.Errorf("cause %+v", c)
			}
		}
		if a.code != code {
			t.Fatalf("exit %d, causes %+v, gaps %+v: want %d", a.code, a.Causes, a.Gaps, code)
		}
		missing := ""
		for node, words := range unseen {
			if !slices.ContainsFunc(a.Gaps, func(g gap) bool { return g.Node == node && strings.Contains(g.Reason, words) }) {
				missing += " " + node
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no word of%s: %+v", missing, a.Gaps)
		}
		time.Sleep(time.Second)
	}
}
