package expect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
	"pgregory.net/rapid"
)

func windowsOf(t *testing.T, s *fact.Snapshot) ([]fact.Window, *expect.Scope) {
	t.Helper()
	sc, err := expect.Resolve(s)
	if err != nil {
		t.Fatal(err)
	}
	return expect.Windows(s, &sc), &sc
}

func about(list []fact.Window, why string) bool {
	return slices.ContainsFunc(list, func(w fact.Window) bool { return slices.Contains(w.Why, why) })
}

func TestWindowsFollowWhatHappened(t *testing.T) {
	s := facttest.Healthy()
	if got, _ := windowsOf(t, s); !about(got, "now") {
		t.Errorf("no window of now: %v", got)
	}
	task := &s.Wanted.Tasks[0]
	task.State, task.Desired, task.StateSince = "failed", "shutdown", s.Taken.Add(-3*time.Hour)
	got, _ := windowsOf(t, s)
	var found *fact.Window
	for i := range got {
		if slices.ContainsFunc(got[i].Why, func(w string) bool { return strings.HasSuffix(w, " failed") }) {
			found = &got[i]
		}
	}
	if found == nil || found.From.After(task.StateSince) || found.To.Before(task.StateSince) {
		t.Errorf("a failed task has no window: %v", got)
	}
	task.StateSince, task.Created, task.Updated = s.Taken.Add(-48*time.Hour), s.Taken.Add(-48*time.Hour), s.Taken.Add(-48*time.Hour)
	if got, _ := windowsOf(t, s); slices.ContainsFunc(got, func(w fact.Window) bool { return s.Taken.Sub(w.From) > 25*time.Hour }) {
		t.Errorf("what is two days old is looked up: %v", got)
	}
}

func TestWindowsAsAsked(t *testing.T) {
	s := facttest.Healthy()
	s.Question.Since = s.Taken.Add(-2 * time.Hour)
	got, _ := windowsOf(t, s)
	if len(got) != 1 || !got[0].From.Equal(s.Question.Since) || !got[0].To.Equal(s.Taken) {
		t.Errorf("asked for two hours, got %v", got)
	}
	s.Question.Since, s.Question.Until = time.Time{}, s.Taken.Add(-time.Hour)
	if got, _ := windowsOf(t, s); len(got) != 1 || !got[0].To.Equal(s.Question.Until) || got[0].To.Sub(got[0].From) != time.Hour {
		t.Errorf("asked until an hour ago, got %v", got)
	}
}

func TestLogsOfAllManagersAndOfFailedTasks(t *testing.T) {
	s := facttest.Healthy()
	_, sc := windowsOf(t, s)
	nodes := expect.LogNodes(s, sc)
	for _, n := range s.Wanted.Nodes {
		if n.Role == "manager" && !slices.Contains(nodes, n.ID) {
			t.Errorf("manager %s is not among %v", n.Hostname, nodes)
		}
	}
	far := fact.SwarmNode{ID: "faraway", Hostname: "n9", Role: "worker", State: "ready", Availability: "active"}
	s.Wanted.Nodes = append(s.Wanted.Nodes, far)
	if slices.Contains(expect.LogNodes(s, sc), far.ID) {
		t.Error("a worker without part in it is asked")
	}
	failed := s.Wanted.Tasks[0]
	failed.ID, failed.Node, failed.State, failed.StateSince = "gone", far.ID, "failed", s.Taken.Add(-time.Hour)
	s.Wanted.Tasks = append(s.Wanted.Tasks, failed)
	if slices.ContainsFunc(sc.From, func(e expect.End) bool { return e.Service == failed.ServiceID }) != slices.Contains(expect.LogNodes(s, sc), far.ID) &&
		!slices.ContainsFunc(sc.To, func(e expect.End) bool { return e.Service == failed.ServiceID }) {
		t.Error("the host of a failed task is not asked")
	}
}

func TestMergedWindowsCoverTheSameTimes(t *testing.T) {
	base := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var list []fact.Window
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			from := base.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "from")) * time.Second)
			list = append(list, fact.Window{From: from, To: from.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "long")) * time.Second)})
		}
		got := fact.MergedWindows(list)
		in := func(l []fact.Window, at time.Time) bool {
			return slices.ContainsFunc(l, func(w fact.Window) bool { return !at.Before(w.From) && !at.After(w.To) })
		}
		for i := range 125 {
			if at := base.Add(time.Duration(i) * time.Second); in(list, at) != in(got, at) {
				t.Fatalf("at %v: %v before, %v after", at, in(list, at), in(got, at))
			}
		}
		for i := 1; i < len(got); i++ {
			if !got[i].From.After(got[i-1].To) {
				t.Fatalf("windows touch: %v", got)
			}
		}
	})
}

func TestByClockOf(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	n := &fact.Node{ClockOffset: time.Hour, ClockWithin: time.Second}
	got := expect.ByClockOf(n, []fact.Window{{From: at, To: at.Add(time.Minute)}})
	if len(got) != 1 || !got[0].From.Equal(at.Add(time.Hour-time.Second)) || !got[0].To.Equal(at.Add(time.Hour+61*time.Second)) {
		t.Errorf("got %v", got)
	}
}
