package check

import (
	"fmt"
	"slices"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// TaskShutdownDrainGap finds services whose programs end before the Swarm has
// stopped sending them connections.
var TaskShutdownDrainGap = &Check{
	ID:    "task-shutdown-drain-gap",
	Title: "tasks end before the last requests to them have",
	Doc: Doc{
		Symptom: "A few requests fail at every update, restart or scaling down of a service, refused or cut off; within seconds all is well.",
		Cause: "When a task is to end, its name and its place in the load balancer are taken away on every node, by gossip, while the program gets its SIGTERM. A program that ends at once is gone before everybody knows. " +
			"Clients that hold connections, or that remember the name's addresses, go on even longer. A new task without a health check is sent requests before its program listens.",
		ByHand: "`docker service ps SERVICE`: when did tasks end? Failed requests in the clients' logs fall within five seconds after it. `docker events` shows kill and die of the container: less than two seconds apart.",
		Relief: "None is needed: it is over seconds after the update. Update one task at a time, with a pause.",
		Fix:    "On SIGTERM the program goes on serving for some five seconds, then ends what is open; `stop_grace_period` above that. Start new tasks first (`--update-order start-first`), give the service a health check, and let clients try again. Engine 29.2 and later wait longer.",
	},
	Needs:  []fact.Kind{fact.KindSwarm},
	Claims: anyFailure,
	Run:    drainGap,
}

const (
	// atOnce is how fast a program ends that does not wait for anybody, from when
	// that was decided: the engine waits 2 s itself, for gossip, before it tells the
	// program (all versions before 29.2).
	atOnce = 4 * time.Second
	// gapBefore and gapAfter are how long around a task's end others may still be
	// led to it.
	gapBefore, gapAfter = 2 * time.Second, 5 * time.Second
)

func drainGap(in *In) []Finding {
	var out []Finding
	for _, svc := range in.concerned() {
		var spans []fact.Window
		var ends []Evidence
		asked := false
		for i := range in.Wanted.Tasks {
			t := &in.Wanted.Tasks[i]
			took, ok := in.endedAtOnce(svc, t)
			if !ok {
				continue
			}
			end, q := in.when(t), in.Question
			asked = asked || !q.Since.IsZero() && !end.Before(q.Since) && (q.Until.IsZero() || !end.After(q.Until))
			spans = append(spans, fact.Window{From: end.Add(-gapBefore), To: end.Add(gapAfter)})
			ends = append(ends, Evidence{"task " + expect.NameOf(t) + " on " + in.NodeName(t.Node), "an end that waits for open requests",
				fmt.Sprintf("%s %.1f s after it was decided, at %s", t.State, took.Seconds(), clock(end))})
		}
		failures := in.failedWithin(svc, spans)
		if failures == 0 && !asked {
			continue
		}
		f := Finding{Certainty: Hint, Subject: ServiceSubject(svc), Recurring: true, Impact: ImpactNone, Evidence: ends, Services: []fact.ServiceID{svc.ID},
			Message: fmt.Sprintf("%s of %s ended at once when told to: requests in those seconds fail", plural(len(ends), "a task", fmt.Sprintf("%d tasks", len(ends))), svc.Name),
			Confirm: "docker service ps --no-trunc " + quoted(svc.Name)}
		if failures > 0 {
			f.Certainty, f.Probed = Strong, true
			f.Evidence = append(f.Evidence, Evidence{"requests to " + svc.Name + " in those seconds", "answered", fmt.Sprintf("%d failed, and none at other times", failures)})
		}
		out = append(out, f)
	}
	return out
}

// endedAtOnce: the managers ended a task, and how long that took from the moment
// that its successor was made or ran, or the service was changed.
func (in *In) endedAtOnce(svc *fact.Service, t *fact.Task) (took time.Duration, ok bool) {
	if t.ServiceID != svc.ID || t.Desired != "shutdown" || t.State != "shutdown" && t.State != "complete" && t.State != "failed" {
		return 0, false
	}
	end, decided := in.when(t), time.Time{}
	better := func(at time.Time) {
		if !at.IsZero() && !at.After(end) && at.After(decided) {
			decided = at
		}
	}
	for i := range in.Wanted.Tasks {
		if o := &in.Wanted.Tasks[i]; o.ServiceID == svc.ID && o.ID != t.ID && o.Slot == t.Slot && placeOf(o) == placeOf(t) {
			better(o.Created)
			if o.State == "running" {
				better(in.when(o))
			}
		}
	}
	better(svc.Updated)
	return end.Sub(decided), !decided.IsZero() && !decided.Before(t.Created.Add(time.Second)) && end.Sub(decided) < atOnce
}

// failedWithin counts the requests to a service's published ports and virtual IPs
// that failed in these spans of time; none, where others failed outside of them.
func (in *In) failedWithin(svc *fact.Service, spans []fact.Window) int {
	n := 0
	for _, q := range in.Seen.Published {
		for _, r := range q.Requests {
			if q.Service != svc.ID || q.Good(&r) || r.Outcome == fact.ProbeError {
				continue
			}
			if !slices.ContainsFunc(spans, func(w fact.Window) bool { return !r.At.Before(w.From) && !r.At.After(w.To) }) {
				return 0
			}
			n++
		}
	}
	return n
}
