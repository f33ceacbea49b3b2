package expect

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"fairway/internal/fact"
)

// How far logs are read around what happened.
const (
	// recently is always read: it holds two of NetworkDB's statistics lines, which
	// come every 5 minutes.
	recently = 11 * time.Minute
	// before and after an event: what leads to a failed task is logged up to some
	// 20 s earlier (an attachment that waits), and a peer's rows go 30 s later.
	before, after = 30 * time.Second, 45 * time.Second
	// farBack is how old an event may be whose logs are still looked up.
	farBack = 24 * time.Hour
	// maxWindows bounds the windows, and each is an hour at most: the newest
	// events win.
	maxWindows = 24
)

// Windows are the spans of time whose logs belong to the question, by the clock
// of the host that asks: as asked, or around the creation and the last change of
// the tasks concerned, those that failed before them, and changes of nodes
// (runbook U7); and what was said just now. They are sorted, and none touches
// another.
func Windows(s *fact.Snapshot, sc *Scope) []fact.Window {
	if q := s.Question; !q.Since.IsZero() || !q.Until.IsZero() {
		until := q.Until
		if until.IsZero() {
			until = s.Taken
		}
		since := q.Since
		if since.IsZero() {
			since = until.Add(-time.Hour)
		}
		return []fact.Window{{From: since, To: until, Why: []string{"asked for"}}}
	}
	events := happened(s, sc)
	slices.SortStableFunc(events, func(a, b fact.Window) int { return b.To.Compare(a.To) })
	now := fact.Window{From: s.Taken.Add(-recently), To: s.Taken.Add(after), Why: []string{"now"}}
	// Merging as they come keeps the newest where there are too many.
	out := []fact.Window{now}
	for _, e := range events {
		if next := fact.MergedWindows(append(slices.Clone(out), e)); len(next) <= maxWindows {
			out = next
		}
	}
	return out
}

// happened lists a window for each event of the tasks in question and of nodes.
func happened(s *fact.Snapshot, sc *Scope) []fact.Window {
	var out []fact.Window
	if s.Wanted == nil {
		return nil
	}
	at := func(when time.Time, why string) {
		if !when.IsZero() && when.After(s.Taken.Add(-farBack)) && when.Before(s.Taken.Add(time.Minute)) {
			out = append(out, fact.Window{From: when.Add(-before), To: when.Add(after), Why: []string{why}})
		}
	}
	for i := range s.Wanted.Tasks {
		t := &s.Wanted.Tasks[i]
		if !concerned(s.Question.All, sc, t) {
			continue
		}
		name := called(t)
		at(t.Created, "task "+name+" created")
		at(cmp.Or(t.StateSince, t.Updated), "task "+name+" "+t.State)
	}
	for i := range s.Wanted.Nodes {
		if n := &s.Wanted.Nodes[i]; n.State != "ready" || n.Availability != "active" {
			at(n.Updated, "node "+n.Hostname+" "+n.State)
		}
	}
	return out
}

// called is how people call a task: service.slot, and the service alone where it
// has no slots.
func called(t *fact.Task) string {
	if t.Slot == 0 {
		return t.Service
	}
	return fmt.Sprintf("%s.%d", t.Service, t.Slot)
}

// concerned: a task of the services in question, or of every one.
func concerned(all bool, sc *Scope, t *fact.Task) bool {
	if sc == nil || all {
		return true
	}
	end := func(e End) bool { return e.Task == t.ID }
	return slices.Contains(sc.FromServices, t.ServiceID) || slices.Contains(sc.ToServices, t.ServiceID) ||
		slices.ContainsFunc(sc.From, end) || slices.ContainsFunc(sc.To, end) ||
		slices.ContainsFunc(sc.Mesh, func(p Published) bool { return p.Service == t.ServiceID })
}

// ByClockOf tells windows by a node's own clock, wider by what the difference
// is not known to.
func ByClockOf(n *fact.Node, list []fact.Window) []fact.Window {
	out := slices.Clone(list)
	for i := range out {
		out[i].From = out[i].From.Add(n.ClockOffset - n.ClockWithin)
		out[i].To = out[i].To.Add(n.ClockOffset + n.ClockWithin)
	}
	return fact.MergedWindows(out)
}

// LogNodes are the nodes whose logs belong to the question (runbook U8): those on
// its path, all managers, and where tasks in question failed within the windows.
func LogNodes(s *fact.Snapshot, sc *Scope) []fact.NodeID {
	out := PathNodes(sc)
	add := func(id fact.NodeID) {
		if id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	add(s.Here)
	if s.Wanted == nil {
		return out
	}
	for i := range s.Wanted.Nodes {
		if n := &s.Wanted.Nodes[i]; n.Role == "manager" {
			add(n.ID)
		}
	}
	for i := range s.Wanted.Tasks {
		t := &s.Wanted.Tasks[i]
		failed := t.State == "failed" || t.State == "rejected" || t.State == "orphaned"
		if failed && concerned(s.Question.All, sc, t) && s.Taken.Sub(cmp.Or(t.StateSince, t.Updated)) < farBack {
			add(t.Node)
		}
	}
	return out
}
