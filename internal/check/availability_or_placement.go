package check

import (
	"cmp"
	"fmt"
	"strings"

	"fairway/internal/fact"
)

// AvailabilityOrPlacement finds services whose tasks the scheduler cannot place.
var AvailabilityOrPlacement = &Check{
	ID:    "availability-or-placement",
	Title: "no node may run the service's tasks",
	Doc: Doc{
		Symptom: "The service has fewer tasks than replicas, or none; `docker service ps` shows them pending, without a node.",
		Cause: "Every node is ruled out: drained, paused or down, by a placement constraint, by the limit of replicas on a node, by a host-mode port that is taken, " +
			"by platform or by reserved memory and CPU. Without a task there is nothing in the network to be reached.",
		ByHand: "`docker service ps --no-trunc SERVICE`: ERROR says \"no suitable node (…)\" with a reason for each group of nodes. `docker node ls` shows AVAILABILITY; `docker service inspect --pretty SERVICE` the placement.",
		Relief: "Give back a node, `docker node update --availability active NODE`, or loosen the placement.",
		Fix:    "Make constraints, limits and published host ports fit the nodes that are left when one is away.",
	},
	Needs:   []fact.Kind{fact.KindSwarm},
	Because: []string{"underlay-peer-unreachable", "manager-path-2377-blocked", "dockerd-hung"},
	Claims:  anyFailure,
	Outside: true,
	Run:     placement,
}

func placement(in *In) []Finding {
	var out []Finding
	for _, svc := range in.concerned() {
		all := in.slots(svc)
		var waiting []*fact.Task
		running := 0
		for _, s := range all {
			switch p := in.plight(svc, &s); {
			case p == unplaced:
				waiting = append(waiting, s.Now)
			case s.Now != nil && s.Now.Running():
				running++
			}
		}
		switch {
		case len(waiting) > 0 && !in.maintenance(running, waiting[0]) && !in.turn(svc, running, waiting[0]):
			out = append(out, in.unplaced(svc, replicas(svc, len(all)), waiting))
		case svc.Mode == "global" && len(all) == 0 && in.whole(svc) && in.Taken.Sub(svc.Updated) >= startingFor:
			out = append(out, in.nowhere(svc))
		}
	}
	return out
}

// maintenance: other tasks of the service run, and the rest wait for nodes that
// somebody drained or paused. That is meant so; the task list shows it.
func (in *In) maintenance(running int, t *fact.Task) bool {
	meant := strings.Contains(t.Err, "not available for new tasks")
	for _, n := range in.Wanted.Nodes {
		meant = meant && n.State == "ready"
	}
	return meant && running > 0
}

// turn: in a rolling update a new task waits until the one before it has given
// back its place or its host port. Seen on 20.10 and 26.1: some seconds.
func (in *In) turn(svc *fact.Service, running int, t *fact.Task) bool {
	moving := svc.UpdateState == "updating" || svc.UpdateState == "rollback_started"
	return moving && running > 0 && in.Taken.Sub(t.StateSince) < SteadyFor
}

func (in *In) unplaced(svc *fact.Service, want int, waiting []*fact.Task) Finding {
	said := short(waiting[0].Err)
	if a, b := strings.Index(said, "("), strings.LastIndex(said, ")"); a >= 0 && b > a {
		said = said[a+1 : b]
	}
	f, reason := in.ruledOut(svc, waiting[0].Err)
	f.Message = fmt.Sprintf("no node can take %d of the %d tasks of %s: %s", len(waiting), want, svc.Name, cmp.Or(reason, said))
	f.Evidence = append([]Evidence{{Where: "scheduler, for " + in.since(waiting[0].StateSince),
		Want: fmt.Sprintf("a node for each of %d tasks", want), Got: fmt.Sprintf("none for %d: %s", len(waiting), said)}}, f.Evidence...)
	for _, t := range waiting {
		f.Tasks = append(f.Tasks, t.ID)
	}
	return f
}

// nowhere is about a global service that no node takes.
func (in *In) nowhere(svc *fact.Service) Finding {
	f, reason := in.ruledOut(svc, "constraints not satisfied")
	f.Message = fmt.Sprintf("%s should run on every node and runs on none: %s", svc.Name, cmp.Or(reason, "the scheduler finds none"))
	f.Evidence = append([]Evidence{{Where: "tasks of " + svc.Name, Want: "one on every node that may run it", Got: "none"}}, f.Evidence...)
	return f
}
