package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// Thresholds for tasks. Swarm waits 5 s between two tries of a task unless told
// otherwise, and keeps five tasks of the past for each slot.
const (
	// recent is how far back a failed task counts for its slot.
	recent = 10 * time.Minute
	// startingFor is how long a start without a word of error may take; pulling
	// an image may take any time.
	startingFor = 30 * time.Second
)

// slot is one place of a service: the number of a replica, or the node of a
// global service's task.
type slot struct {
	// Name is service.slot.
	Name string
	// Now is the newest task that the managers want alive; nil when they want
	// none there.
	Now *fact.Task
	// Failed ended by themselves in the last ten minutes, newest first. An end
	// without error counts, too: what a service runs is not meant to end.
	Failed []*fact.Task
	// Last is the newest task of all.
	Last *fact.Task
}

// plight is what is wrong with a slot.
type plight int

const (
	well     plight = iota
	young           // starting, or failed for the first time
	unplaced        // the scheduler finds no node
	unwell          // held back by its health check
	broken
)

// concerned lists the services whose tasks the question is about, by name. Services
// nobody named are not asked about, although they may share the network.
func (in *In) concerned() []*fact.Service {
	ids := slices.Clone(in.Scope.ToServices)
	if in.Question.From != "" {
		ids = append(ids, in.Scope.FromServices...)
	}
	slices.Sort(ids)
	var out []*fact.Service
	for _, id := range slices.Compact(ids) {
		if s := in.Wanted.Service(id); s != nil && !strings.HasSuffix(s.Mode, "-job") {
			out = append(out, s)
		}
	}
	return out
}

// slots lists the places of a service that the question is about and that are
// filled, or should be: of a replicated service as many as it has replicas, of
// a global one those on nodes that take tasks.
func (in *In) slots(svc *fact.Service) []slot {
	byPlace := map[string][]*fact.Task{}
	for i := range in.Wanted.Tasks {
		if t := &in.Wanted.Tasks[i]; t.ServiceID == svc.ID {
			k := fmt.Sprint(t.Slot, placeOf(t))
			byPlace[k] = append(byPlace[k], t)
		}
	}
	var live, over []slot
	for _, tasks := range byPlace {
		switch s := in.slot(tasks); {
		case s.Now != nil:
			live = append(live, s)
		case in.owed(svc, s.Last):
			over = append(over, s)
		}
	}
	slices.SortFunc(over, func(a, b slot) int { return cmp.Or(b.Last.Created.Compare(a.Last.Created), compareSlots(a, b)) })
	if svc.Mode != "global" {
		over = over[:min(len(over), max(0, int(min(svc.Replicas, 1<<20))-len(live)))]
	}
	all := slices.DeleteFunc(append(live, over...), func(s slot) bool { return !in.means(svc, &s) })
	slices.SortFunc(all, compareSlots)
	return all
}

func placeOf(t *fact.Task) fact.NodeID {
	if t.Slot != 0 {
		return ""
	}
	return t.Node
}

func compareSlots(a, b slot) int {
	return cmp.Or(a.Last.Slot-b.Last.Slot, strings.Compare(string(a.Last.Node), string(b.Last.Node)), strings.Compare(string(a.Last.ID), string(b.Last.ID)))
}

// slot sorts the tasks of one place.
func (in *In) slot(tasks []*fact.Task) slot {
	slices.SortFunc(tasks, func(a, b *fact.Task) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(string(a.ID), string(b.ID)))
	})
	s := slot{Last: tasks[0], Name: expect.ShortName(tasks[0])}
	for i, t := range tasks {
		switch {
		case (t.Desired == "running" || t.Desired == "ready") && !t.Terminal():
			if s.Now == nil {
				s.Now = t
			}
		case ended(t) && in.Taken.Sub(t.StateSince) < recent && (i == 0 || byItself(t, tasks[i-1])):
			s.Failed = append(s.Failed, t)
		}
	}
	return s
}

// byItself: a program that is told to stop may well end with an error. Then its
// successor was there two seconds before its end (the engine waits so long with
// the signal, all versions); after a crash it is made at once (0.1 to 0.3 s
// later, seen on 20.10, 26.1 and 29).
func byItself(t, next *fact.Task) bool {
	const slack = 1500 * time.Millisecond
	return t.StateSince.Sub(next.Created) < slack || t.Updated.Sub(next.Created) < slack
}

// impactService is the impact of a relief that starts a service's tasks anew.
func impactService(svc *fact.Service) string { return "all tasks of " + svc.Name }

// replicas is how many tasks a service should have, when so many have a place.
func replicas(svc *fact.Service, places int) int {
	return max(places, int(min(svc.Replicas, 1<<20)))
}

// owed: an empty place should be filled, since its task ended by itself and
// nobody scaled it away.
func (in *In) owed(svc *fact.Service, last *fact.Task) bool {
	if svc.Mode == "global" {
		n := in.Wanted.Node(last.Node)
		if n == nil || n.Availability != "active" || n.State != "ready" {
			return false
		}
	}
	return ended(last) && last.Desired != "remove"
}

func ended(t *fact.Task) bool {
	return t.State == "failed" || t.State == "rejected" || t.State == "complete"
}

// means: the question names the service, or the very task in this slot.
func (in *In) means(svc *fact.Service, s *slot) bool {
	if in.Question.All || in.Question.To == svc.Name || in.Question.From == svc.Name {
		return true
	}
	for _, ends := range [][]expect.End{in.Scope.From, in.Scope.To} {
		for _, e := range ends {
			if e.Task != "" && (s.Now != nil && e.Task == s.Now.ID || e.Task == s.Last.ID) {
				return true
			}
		}
	}
	return false
}

// plight judges a slot.
func (in *In) plight(svc *fact.Service, s *slot) plight {
	t := s.Now
	switch {
	case t == nil:
		return broken
	case t.State == "pending" && strings.Contains(t.Err, "no suitable node"):
		return unplaced
	case in.gated(svc, s):
		return unwell
	case t.State == "running" && (s.crashes() < 2 || in.Taken.Sub(t.StateSince) >= SteadyFor):
		return well
	case len(s.Failed) > 0 || t.Err != "":
		return broken
	case in.Taken.Sub(t.StateSince) < startingFor:
		return young
	}
	return broken
}

// crashes counts the tasks that began and ended. One that was rejected never did,
// and says nothing against one that runs.
func (s *slot) crashes() int {
	n := 0
	for _, t := range s.Failed {
		if t.State != "rejected" {
			n++
		}
	}
	return n
}

// gated: a health check holds the task back. Swarm leaves it in state
// "starting" until the first success, and ends it when the check gives up: with
// an error that says so, or with none when the program ends well (seen on 26.1).
func (in *In) gated(svc *fact.Service, s *slot) bool {
	if s.Now.State == "starting" && (svc.Healthcheck || in.health(s.Now) != "") || s.Now.State == "running" && in.health(s.Now) == "unhealthy" {
		return true
	}
	return s.Now.State != "running" && len(s.Failed) > 0 &&
		!slices.ContainsFunc(s.Failed, func(t *fact.Task) bool {
			return !strings.Contains(t.Err, "unhealthy container") && (t.State != "complete" || !svc.Healthcheck)
		})
}

func (in *In) health(t *fact.Task) string {
	if n := in.Node(t.Node); n != nil {
		if c := n.Engine.TaskContainer(t.ID); c != nil {
			return c.Health
		}
	}
	return ""
}

// since says how long ago something was, as people say it.
func (in *In) since(t time.Time) string {
	d := max(0, in.Taken.Sub(t))
	if d < time.Minute {
		return d.Truncate(time.Second).String()
	}
	return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
}
