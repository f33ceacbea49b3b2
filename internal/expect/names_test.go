package expect_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

const (
	taskID = "a46p5n59qxiljxl0dzicjtqg1"
	nodeID = "j0zq7n8qkv3wm5yh2t1c9b6xe"
)

func TestParseTaskName(t *testing.T) {
	for name, want := range map[string]expect.TaskName{
		"api.2." + taskID:                         {Service: "api", Slot: "2", Task: taskID},
		"api.2." + taskID + ".net1":               {Service: "api", Slot: "2", Task: taskID, Network: "net1"},
		"api.2." + taskID + ".net1.":              {Service: "api", Slot: "2", Task: taskID, Network: "net1"},
		"my.api.v2.10." + taskID + ".my.net":      {Service: "my.api.v2", Slot: "10", Task: taskID, Network: "my.net"},
		"agent." + nodeID + "." + taskID + ".n":   {Service: "agent", Slot: nodeID, Task: taskID, Network: "n"},
		"stack_a.b." + nodeID + "." + taskID:      {Service: "stack_a.b", Slot: nodeID, Task: taskID},
		nodeID + "." + nodeID + "." + taskID:      {Service: nodeID, Slot: nodeID, Task: taskID},
		"api.1.2." + taskID + "." + "default_web": {Service: "api.1", Slot: "2", Task: taskID, Network: "default_web"},
	} {
		got, ok := expect.ParseTaskName(name)
		if !ok || got != want {
			t.Errorf("ParseTaskName(%q) = %+v, %v; want %+v", name, got, ok, want)
		}
	}
	for _, name := range []string{"", ".", "...", "api", "api.1", "api.1.short", "api.0." + taskID, "api.x." + taskID, "1." + taskID,
		"web-7f9c.app", "api.1." + strings.ToUpper(taskID), "api.-1." + taskID, "api.99999999999." + taskID} {
		if got, ok := expect.ParseTaskName(name); ok {
			t.Errorf("ParseTaskName(%q) = %+v, want none", name, got)
		}
	}
}

// TestTaskNameRoundTrip: what the engine names, we read, dots and all.
func TestTaskNameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		task := &fact.Task{
			ID:      fact.TaskID(rapid.StringMatching(`[0-9a-z]{25}`).Draw(t, "task")),
			Service: rapid.StringMatching(`[a-z][a-z0-9_.-]{0,20}[a-z]`).Draw(t, "service"),
			Slot:    rapid.IntRange(0, 100000).Draw(t, "slot"),
			Node:    fact.NodeID(rapid.StringMatching(`[0-9a-z]{25}`).Draw(t, "node")),
		}
		net := rapid.StringMatching(`[a-z][a-z0-9_.-]{0,20}`).Draw(t, "network")
		got, ok := expect.ParseTaskName(expect.NameOf(task) + "." + net)
		if !ok || got.Service != task.Service || got.Task != task.ID || got.Network != strings.TrimSuffix(net, ".") {
			t.Fatalf("read %+v, %v from %s.%s", got, ok, expect.NameOf(task), net)
		}
		if !strings.HasPrefix(expect.NameOf(task), expect.ShortName(task)+".") {
			t.Fatalf("short name %s of %s", expect.ShortName(task), expect.NameOf(task))
		}
	})
}

func FuzzParseTaskName(f *testing.F) {
	for _, s := range []string{"api.2." + taskID + ".net1.", "a." + nodeID + "." + taskID, "...", "\x00.1." + taskID} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := expect.ParseTaskName(s)
		if !ok {
			return
		}
		again, ok := expect.ParseTaskName(n.Service + "." + n.Slot + "." + string(n.Task))
		if !ok || again.Service != n.Service || again.Slot != n.Slot || again.Task != n.Task {
			t.Fatalf("%q reads as %+v, which reads as %+v, %v", s, n, again, ok)
		}
	})
}

func TestNearest(t *testing.T) {
	known := []string{"api", "web", "frontend", "front-end", "backend", "db"}
	for typed, want := range map[string][]string{
		"apl":       {"api"},
		"fronted":   {"frontend"},
		"frontend":  {"frontend", "front-end"},
		"wbe":       {"web"},
		"xyz":       nil, // nothing of three letters is near by chance
		"abi":       {"api"},
		"zookeeper": nil,
	} {
		if got := expect.Nearest(typed, known); len(got) == 0 && len(want) > 0 || len(want) > 0 && got[0] != want[0] || len(want) == 0 && len(got) > 0 {
			t.Errorf("Nearest(%q) = %q, want %q first", typed, got, want)
		}
	}
}

func TestNearestSaysEachOnce(t *testing.T) {
	if got := expect.Nearest("n9", []string{"n1", "n1", "n2", "web", "n1"}); !slices.Equal(got, []string{"n1", "n2"}) {
		t.Errorf("got %q", got)
	}
}

func FuzzNearest(f *testing.F) {
	f.Add("api", "apt\napi\n")
	f.Add(strings.Repeat("ä", 200), strings.Repeat("x", 1000))
	f.Fuzz(func(t *testing.T, name, list string) {
		known := strings.Split(list, "\n")
		got := expect.Nearest(name, known)
		if len(got) > 3 {
			t.Fatalf("%d names, at most three help", len(got))
		}
		for _, g := range got {
			if !slices.Contains(known, g) {
				t.Fatalf("%q is not known", g)
			}
		}
	})
}
