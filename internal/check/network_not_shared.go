package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// NetworkNotShared finds questions whose two ends have no network in common.
var NetworkNotShared = &Check{
	ID:    "network-not-shared",
	Title: "the two have no network in common",
	Doc: Doc{
		Symptom: "The name is not found, and the address cannot be reached either: no route, or a timeout, from every task alike.",
		Cause: "Names and packets pass between containers of the same network only. The network ingress does not count: it carries published ports and has no names. " +
			"Nor does the default bridge, nor the host's network.",
		ByHand: "`docker service inspect --format '{{json .Spec.TaskTemplate.Networks}}' SERVICE` for both, `docker inspect --format '{{json .NetworkSettings.Networks}}' CONTAINER` for a container: look for one ID on both sides.",
		Relief: "Attach one of them to a network of the other: `docker service update --network-add NETWORK SERVICE`, or `docker network connect NETWORK CONTAINER`.",
		Fix:    "Write the shared network into both stack files; between two stacks it is an external network.",
	},
	Needs:   []fact.Kind{fact.KindSwarm},
	Because: []string{"swarm-network-lazy-instantiation", "ingress-used-between-containers"},
	Run:     notShared,
}

func notShared(in *In) []Finding {
	sc := in.Scope
	if in.Question.From == "" || len(sc.Networks) > 0 || len(sc.From)+len(sc.FromServices) == 0 || len(sc.To)+len(sc.ToServices) == 0 {
		return nil
	}
	from, to := in.networksOf(sc.From, sc.FromServices), in.networksOf(sc.To, sc.ToServices)
	for _, id := range from {
		if slices.Contains(to, id) && in.meets(id) {
			in.Blind("both are on %s, which is no overlay", in.NetworkName(id))
			return nil
		}
	}
	f := Finding{Certainty: Proof, Structural: true, Services: slices.Concat(sc.FromServices, sc.ToServices),
		Message: fmt.Sprintf("%s and %s share no network: %s is on %s, %s on %s", in.Question.From, in.Question.To,
			in.Question.From, in.networkList(from), in.Question.To, in.networkList(to)),
		Evidence: []Evidence{
			{Where: "networks of " + in.Question.From, Want: "one that " + in.Question.To + " is on", Got: in.networkList(from)},
			{Where: "networks of " + in.Question.To, Want: "one that " + in.Question.From + " is on", Got: in.networkList(to)},
		}}
	if svc := in.firstService(sc.ToServices); svc != nil {
		f.Subject = ServiceSubject(svc)
	} else if len(sc.To) > 0 {
		f.Subject = EndSubject(&sc.To[0])
	}
	in.joinRelief(&f, from, to)
	return []Finding{f}
}

func (in *In) firstService(ids []fact.ServiceID) *fact.Service {
	if len(ids) == 0 {
		return nil
	}
	return in.Wanted.Service(ids[0])
}

// joinRelief attaches FROM to a network of TO, or TO to one of FROM's.
func (in *In) joinRelief(f *Finding, from, to []fact.NetworkID) {
	overlays := func(ids []fact.NetworkID) *fact.Network {
		for _, id := range ids {
			if n := expect.Network(in.Snapshot, id); n != nil && n.Driver == "overlay" && !n.Ingress {
				return n
			}
		}
		return nil
	}
	a, b := in.firstService(in.Scope.FromServices), in.firstService(in.Scope.ToServices)
	switch net := overlays(to); {
	case net != nil && a != nil:
		f.Relief, f.Impact = fmt.Sprintf("docker service update --network-add %s %s", quoted(net.Name), quoted(a.Name)), impactService(a)
		f.Confirm = fmt.Sprintf("docker service inspect --format '{{json .Spec.TaskTemplate.Networks}}' %s", quoted(a.Name))
	case net != nil && len(in.Scope.From) > 0 && net.Attachable:
		e := &in.Scope.From[0]
		f.Relief, f.Impact = fmt.Sprintf("on %s: docker network connect %s %s", e.NodeName, quoted(net.Name), quoted(e.Name)), ImpactNone
		f.Confirm = fmt.Sprintf("on %s: docker inspect --format '{{json .NetworkSettings.Networks}}' %s", e.NodeName, quoted(e.Name))
	case overlays(from) != nil && b != nil:
		f.Relief, f.Impact = fmt.Sprintf("docker service update --network-add %s %s", quoted(overlays(from).Name), quoted(b.Name)), impactService(b)
		f.Confirm = fmt.Sprintf("docker service inspect --format '{{json .Spec.TaskTemplate.Networks}}' %s", quoted(b.Name))
	default:
		f.Relief = "docker network create -d overlay --attachable shared, and attach both to it"
		f.Confirm = "docker network ls"
		if b != nil {
			f.Impact = impactService(b)
		}
	}
}
