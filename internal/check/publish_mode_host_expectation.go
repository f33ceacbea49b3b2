package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// PublishModeHost finds nodes that are asked for a port which only the tasks'
// own hosts have open.
var PublishModeHost = &Check{
	ID:    "publish-mode-host-expectation",
	Title: "the port is published in host mode, so only nodes with a task answer",
	Doc: Doc{
		Symptom: "A published port answers on some nodes and is refused on the others, always the same ones until a task moves.",
		Cause: "A port published in host mode is opened on the host of each task and nowhere else. It takes no part in the routing mesh: a node without a task of the service has nothing there to answer, " +
			"and that is by design. Two tasks cannot share such a port on one node, so there are at most as many tasks as nodes.",
		ByHand: "`docker service inspect --format '{{json .Endpoint.Ports}}' SERVICE`: PublishMode is host; `docker service ps SERVICE`: the nodes that have a task.",
		Relief: "Ask a node that has a task.",
		Fix:    "Publish in mode ingress, or make the service global; or keep host mode and have the clients' load balancer watch which nodes answer.",
	},
	Needs:   []fact.Kind{fact.KindSwarm},
	Because: []string{"task-not-running", "availability-or-placement"},
	Claims:  anyFailure,
	Run:     hostExpectation,
}

// hostExpectation judges only ports that were asked for by number: whoever asks
// service by service is not known to want them on every node.
func hostExpectation(in *In) []Finding {
	var out []Finding
	if in.Question.Published == 0 {
		return nil
	}
	for i := range in.Scope.Mesh {
		p := &in.Scope.Mesh[i]
		svc := in.Wanted.Service(p.Service)
		if p.Port.Mode != "host" || p.Port.Published != in.Question.Published || svc == nil {
			continue
		}
		with := in.hostsOf(svc)
		without := slices.DeleteFunc(slices.Clone(in.Scope.Nodes), func(id fact.NodeID) bool { return slices.Contains(with, id) || in.answeredBySome(id, p) })
		if len(with) > 0 && len(without) > 0 {
			out = append(out, in.expectedThere(svc, p, with, without))
		}
	}
	return out
}

// hostsOf are the nodes with a task of the service that should run, whatever
// became of it: a task that does not run is another cause.
func (in *In) hostsOf(svc *fact.Service) []fact.NodeID {
	var out []fact.NodeID
	for i := range in.Wanted.Tasks {
		if t := &in.Wanted.Tasks[i]; t.ServiceID == svc.ID && t.Desired == "running" && t.Node != "" && !slices.Contains(out, t.Node) {
			out = append(out, t.Node)
		}
	}
	return out
}

// answeredBySome: somebody answers on that node's port all the same, a load
// balancer of the site, say. Nobody misses anything there.
func (in *In) answeredBySome(id fact.NodeID, p *expect.Published) bool {
	return slices.ContainsFunc(in.Seen.Published, func(q fact.PublishedProbe) bool {
		return q.Node == id && q.Service == p.Service && q.Published == p.Port.Published &&
			slices.ContainsFunc(q.Requests, func(r fact.Request) bool { return q.Good(&r) })
	})
}

// namesOf are the host names of nodes, sorted.
func (in *In) namesOf(ids []fact.NodeID) []string {
	var out []string
	for _, id := range ids {
		out = append(out, in.NodeName(id))
	}
	slices.Sort(out)
	return out
}

func (in *In) expectedThere(svc *fact.Service, p *expect.Published, with, without []fact.NodeID) Finding {
	a, b := in.namesOf(with), in.namesOf(without)
	f := Finding{Certainty: Proof, Structural: true, Subject: ServiceSubject(svc), Services: []fact.ServiceID{svc.ID}, Nodes: without,
		Message: fmt.Sprintf("%s publishes port %d in host mode: %s %s no task of it, so nothing listens there; %s %s",
			svc.Name, p.Port.Published, listed(b), plural(len(b), "has", "have"), listed(a), plural(len(a), "does", "do")),
		Confirm: "docker service ps --filter desired-state=running " + quoted(svc.Name),
		Relief:  fmt.Sprintf("in the clients, ask %s:%d", a[0], p.Port.Published), Impact: ImpactNone}
	for _, name := range b[:min(5, len(b))] {
		f.Evidence = append(f.Evidence, Evidence{Where: fmt.Sprintf("%s: tasks of %s", name, svc.Name), Want: fmt.Sprintf("one, for port %d/%s", p.Port.Published, p.Port.Proto), Got: "none"})
	}
	for _, id := range without {
		f.Probed = f.Probed || in.portFails(id, p, fact.StageNode) || in.portFails(id, p, fact.StageSelf)
	}
	f.Fix = "docker service update " + in.throughMesh(svc, p) + " " + quoted(svc.Name) + "\n(this replaces its tasks); or make it a global service, if every node is to answer."
	return f
}

// throughMesh are the arguments that publish the port on every node instead.
func (in *In) throughMesh(svc *fact.Service, p *expect.Published) string {
	mode := ""
	if svc.EndpointMode == "dnsrr" {
		mode = "--endpoint-mode vip "
	}
	return fmt.Sprintf("%s--publish-rm %d/%s --publish-add mode=ingress,target=%d,published=%d,protocol=%s", mode,
		p.Port.Target, p.Port.Proto, p.Port.Target, p.Port.Published, p.Port.Proto)
}
