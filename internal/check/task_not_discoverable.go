package check

import (
	"cmp"
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// TaskNotDiscoverable finds tasks that a health check keeps out of names and
// load balancing.
var TaskNotDiscoverable = &Check{
	ID:    "task-not-discoverable",
	Title: "a health check keeps the task out of DNS and load balancing",
	Doc: Doc{
		Symptom: "The service's name is not found, or leads to fewer tasks than run, although the program answers on its address. Clusters whose members wait for each other's names never start.",
		Cause: "A task with a health check gets its names and its place in the load balancer at the first success of the check, not before. Until then it is missing everywhere, and rightly so. " +
			"When the check gives up, Swarm ends the task (\"unhealthy container\") and the next one begins.",
		ByHand: "`docker service ps SERVICE` shows the task as Starting. On its node: `docker inspect --format '{{json .State.Health}}' CONTAINER` has the check's last words.",
		Relief: "Make the check pass, or start without it: `docker service update --no-healthcheck SERVICE`.",
		Fix:    "Give the check a start period as long as the program needs, and ask 127.0.0.1, not localhost. For members that must find each other before they are healthy: no health check, endpoint mode dnsrr. `tasks.NAME` is behind the same gate.",
	},
	// What the managers tell is not all: an image may bring a health check.
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindContainers},
	Side:    ToSide,
	Because: []string{"host-starvation"},
	Claims:  anyFailure,
	Run:     notDiscoverable,
}

func notDiscoverable(in *In) []Finding {
	var out []Finding
	for _, id := range in.Scope.ToServices {
		svc := in.Wanted.Service(id)
		if svc == nil {
			continue
		}
		var held []Finding
		slots := in.slots(svc)
		for _, s := range slots {
			if in.plight(svc, &s) == unwell {
				held = append(held, in.heldBack(svc, &s))
			}
		}
		if len(held) > 1 && len(held) == len(slots) {
			held = []Finding{asOne(svc, held)}
		}
		out = append(out, held...)
	}
	return out
}

func (in *In) heldBack(svc *fact.Service, s *slot) Finding {
	t, node := s.Now, in.NodeName(s.Now.Node)
	health := cmp.Or(in.health(t), "not known")
	f := Finding{Certainty: Strong, Node: node, Subject: TaskSubject(t), Structural: true, Recurring: len(s.Failed) > 1,
		Message: fmt.Sprintf("%s on %s has waited %s for its health check to pass; until then no name and no load balancer leads to it", expect.NameOf(t), node, in.since(t.StateSince)),
		Evidence: []Evidence{{Where: "task " + s.Name, Want: "running", Got: t.State + " for " + in.since(t.StateSince)},
			{Where: node + ": container of " + s.Name, Want: "healthy", Got: health}},
		Confirm: fmt.Sprintf("on %s: docker inspect --format '{{json .State.Health}}' %s", node, cmp.Or(shortID(t.Container), "CONTAINER")),
		Relief:  "docker service update --no-healthcheck " + quoted(svc.Name), Impact: impactService(svc)}
	switch {
	case len(s.Failed) > 1:
		f.Message = fmt.Sprintf("%s never passes its health check: %d tasks ended in %s, and no name leads to it meanwhile", s.Name, len(s.Failed), in.since(s.Failed[len(s.Failed)-1].StateSince))
	case t.State == "running":
		f.Message = fmt.Sprintf("%s on %s fails its health check: Swarm is about to end it", expect.NameOf(t), node)
	}
	for _, old := range s.Failed {
		f.Tasks = append(f.Tasks, old.ID)
	}
	if len(s.Failed) > 0 {
		f.Evidence = append(f.Evidence, Evidence{Where: "tasks before it in " + s.Name, Want: "none failed",
			Got: fmt.Sprintf("%d ended in %s: %s", len(s.Failed), in.since(s.Failed[len(s.Failed)-1].StateSince), why(s.Failed[0]))})
	}
	// The first check comes one interval after the start, 30 s unless told
	// otherwise: a second look may see it fail, else waiting is no fault yet.
	if len(s.Failed) == 0 && in.failures(t) == 0 && in.Taken.Sub(t.StateSince) < startingFor && in.Earlier != nil {
		f.Certainty = Hint
	}
	return f
}

// failures is how often the task's health check failed since it last passed.
func (in *In) failures(t *fact.Task) int {
	if n := in.Node(t.Node); n != nil {
		if c := n.Engine.TaskContainer(t.ID); c != nil {
			return c.HealthFailures
		}
	}
	return 0
}

// shortID is a container's ID as docker ps prints it.
func shortID(id fact.ContainerID) string { return string(id[:min(12, len(id))]) }
