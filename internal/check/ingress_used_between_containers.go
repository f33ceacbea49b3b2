package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IngressBetween finds two services that meet on the routing mesh's network
// only, where containers cannot talk.
var IngressBetween = &Check{
	ID:    "ingress-used-between-containers",
	Title: "the two have only the network ingress in common",
	Doc: Doc{
		Symptom: "Two services that both publish ports, and so are both on the network ingress, do not find each other's name; addresses on ingress answer on published ports at most, else time out.",
		Cause: "The network ingress carries requests to published ports from the hosts to the tasks. By design it has no names, and every task drops what comes to its ingress address for any other port. " +
			"Two containers that are both on it are not connected.",
		ByHand: "`docker inspect --format '{{json .NetworkSettings.Networks}}' CONTAINER` for both: ingress is the only name on both lists.",
		Relief: "Attach one of them to a user network of the other: `docker service update --network-add NETWORK SERVICE`.",
		Fix:    "Write a shared overlay into both stack files. Nothing needs to be published for services to reach each other.",
	},
	Needs:   []fact.Kind{fact.KindSwarm},
	Because: []string{"swarm-network-lazy-instantiation"},
	Claims:  anyFailure,
	Run:     ingressBetween,
}

func ingressBetween(in *In) []Finding {
	sc, mesh := in.Scope, expect.Ingress(in.Snapshot)
	if mesh == nil || in.Question.From == "" || len(sc.Networks) > 0 || len(sc.From)+len(sc.FromServices) == 0 || len(sc.To)+len(sc.ToServices) == 0 {
		return nil
	}
	from, to := in.networksOf(sc.From, sc.FromServices), in.networksOf(sc.To, sc.ToServices)
	if !in.onMesh(mesh.ID, sc.From, sc.FromServices) || !in.onMesh(mesh.ID, sc.To, sc.ToServices) ||
		slices.ContainsFunc(from, func(id fact.NetworkID) bool { return id != mesh.ID && slices.Contains(to, id) }) {
		return nil
	}
	f := Finding{Certainty: Proof, Structural: true, Services: slices.Concat(sc.FromServices, sc.ToServices),
		Message: fmt.Sprintf("%s and %s have only %s in common, which carries published ports and connects no containers", in.Question.From, in.Question.To, mesh.Name)}
	for _, side := range []struct {
		name string
		nets []fact.NetworkID
	}{{in.Question.From, from}, {in.Question.To, to}} {
		f.Evidence = append(f.Evidence, Evidence{Where: "networks of " + side.name, Want: "one that both are on, besides " + mesh.Name, Got: in.networkList(side.nets)})
	}
	if svc := in.firstService(sc.ToServices); svc != nil {
		f.Subject = ServiceSubject(svc)
	} else if len(sc.To) > 0 {
		f.Subject = EndSubject(&sc.To[0])
	}
	in.joinRelief(&f, from, to)
	return []Finding{f}
}

// onMesh: the ends are on the routing mesh's network, because they publish a
// port there.
func (in *In) onMesh(mesh fact.NetworkID, ends []expect.End, services []fact.ServiceID) bool {
	return slices.ContainsFunc(ends, func(e expect.End) bool { return e.Addr(mesh).IsValid() }) ||
		slices.ContainsFunc(services, func(id fact.ServiceID) bool {
			s := in.Wanted.Service(id)
			return s != nil && slices.ContainsFunc(s.VIPs, func(v fact.VIP) bool { return v.Network == mesh })
		})
}
