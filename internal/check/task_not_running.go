package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// TaskNotRunning finds services whose tasks should run and do not.
var TaskNotRunning = &Check{
	ID:    "task-not-running",
	Title: "tasks of the service do not run",
	Doc: Doc{
		Symptom: "The service cannot be reached, or only some of its tasks can; its name has fewer addresses than replicas, or none.",
		Cause: "A task that should run was rejected, fails again and again, hangs in its start, or was never made. No endpoint exists then, " +
			"so names, load balancer and forwarding rows are right not to have it: look no further in the network.",
		ByHand: "On a manager `docker service ps --no-trunc SERVICE`: CURRENT STATE and ERROR of the newest task in each slot, and how often the slot failed before (lines with `\\_`). `docker service logs SERVICE` has the program's last words.",
		Relief: "Go back to the definition that worked: `docker service update --rollback SERVICE`.",
		Fix:    "Do what the error says: an image every node can pull, mounts and networks that exist on every node, a program that stays up.",
	},
	Needs:   []fact.Kind{fact.KindSwarm},
	Because: []string{"ingress-network-unusable", "gwbridge-missing-or-conflict", "stale-overlay-netns", "vxlan-file-exists", "ipam-exhausted", "manager-path-2377-blocked", "dockerd-hung"},
	Claims:  anyFailure,
	Outside: true,
	Run:     notRunning,
}

func notRunning(in *In) []Finding {
	var out []Finding
	for _, svc := range in.concerned() {
		slots := in.slots(svc)
		var bad []slot
		for _, s := range slots {
			switch in.plight(svc, &s) {
			case broken:
				bad = append(bad, s)
			case young:
				if len(slots) == 1 {
					in.Blind("%s started %s ago and is %s", s.Name, in.since(s.Now.Created), s.Now.State)
				}
			}
		}
		switch {
		case len(bad) > 0:
			out = append(out, in.downSlots(svc, slots, bad))
		case len(slots) == 0 && svc.Mode != "global" && in.whole(svc):
			out = append(out, in.noSlots(svc))
		}
	}
	return out
}

// whole: the question is about the service, or about a port that it publishes, not
// about one task of it.
func (in *In) whole(svc *fact.Service) bool {
	asked := func(p expect.Published) bool { return p.Service == svc.ID && p.Port.Published == in.Question.Published }
	return in.Question.To == svc.Name || in.Question.From == svc.Name || in.Question.Published != 0 && slices.ContainsFunc(in.Scope.Mesh, asked)
}

// noSlots is about a service without any task.
func (in *In) noSlots(svc *fact.Service) Finding {
	f := Finding{Certainty: Proof, Subject: ServiceSubject(svc), Structural: true, Confirm: "docker service ps " + quoted(svc.Name),
		Message: fmt.Sprintf("%s has no task: the managers made none for its %d replicas", svc.Name, svc.Replicas), Impact: impactService(svc),
		Relief: "docker service update --force " + quoted(svc.Name)}
	if svc.Replicas == 0 {
		f.Message, f.Impact = svc.Name+" is scaled to 0: it has no task, so nobody can answer", ImpactNone
		f.Relief, f.Fix = fmt.Sprintf("docker service scale %s=1", quoted(svc.Name)), "Keep at least one replica while others depend on "+svc.Name+"."
	}
	f.Evidence = []Evidence{{Where: "tasks of " + svc.Name, Want: "at least one", Got: fmt.Sprintf("none, of %d replicas", svc.Replicas)}}
	return f
}

func (in *In) downSlots(svc *fact.Service, all, bad []slot) Finding {
	f := Finding{Certainty: Proof, Subject: ServiceSubject(svc), Structural: true, Confirm: "docker service ps --no-trunc " + quoted(svc.Name)}
	pulling := true
	for i, s := range bad {
		said, onlySlow := in.trouble(&s)
		pulling = pulling && onlySlow
		f.Recurring = f.Recurring || len(s.Failed) > 1
		for _, t := range s.Failed {
			f.Tasks = append(f.Tasks, t.ID)
		}
		if len(s.Failed) == 0 && s.Now != nil {
			f.Tasks = append(f.Tasks, s.Now.ID)
		}
		if i < 5 {
			f.Evidence = append(f.Evidence, Evidence{Where: "task " + s.Name, Want: "running", Got: said})
		}
	}
	f.Message = fmt.Sprintf("%d of %d tasks of %s do not run: %s %s", len(bad), replicas(svc, len(all)), svc.Name, bad[0].Name, f.Evidence[0].Got)
	if pulling {
		f.Certainty = Hint
	}
	f.Relief, f.Impact = in.revive(svc, &bad[0])
	if svc.UpdateMessage != "" && strings.Contains(svc.UpdateState, "paused") {
		f.Evidence = append(f.Evidence, Evidence{Where: "update of " + svc.Name, Want: "completed", Got: svc.UpdateState + ": " + svc.UpdateMessage})
	}
	return f
}
