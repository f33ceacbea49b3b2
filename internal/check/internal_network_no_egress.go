package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// InternalNetworkNoEgress finds tasks that are asked to reach a place outside and
// that were made so that they cannot.
var InternalNetworkNoEgress = &Check{
	ID:    "internal-network-no-egress",
	Title: "the asking tasks are on internal networks only, which lead nowhere outside",
	Doc: Doc{
		Symptom: "Tasks of a service reach others on their network, and nothing outside: \"network is unreachable\" at once, and no name outside resolves. It is so on every node, and always was.",
		Cause: "Every network of the service was made with --internal. The engine then gives its tasks no second leg on docker_gwbridge and no default route, and their resolver cannot pass questions on, or does not (from 25 on). " +
			"That is what --internal is for.",
		ByHand: "`docker network inspect NETWORK --format '{{.Internal}}'` of every network of the service; `ip route` in a task's namespace shows no `default via`.",
		Relief: "Attach a network that leads out: `docker service update --network-add NETWORK SERVICE`.",
		Fix:    "Decide whether the service may reach the outside. If so, keep one network without --internal in its definition; if not, put a proxy that may between the two.",
	},
	Needs:  []fact.Kind{fact.KindNetworks, fact.KindContainers, fact.KindRoutes},
	Side:   FromSide,
	Claims: anyFailure,
	Run:    internalOnly,
}

func internalOnly(in *In) []Finding {
	if in.Scope.Outside == nil {
		return nil
	}
	var out []Finding
	for i := range in.Scope.From {
		e := &in.Scope.From[i]
		names, sure := in.allInternal(e)
		if !e.Running || len(names) == 0 {
			continue
		}
		ns := expect.Sandbox(in.Snapshot, e)
		seen := ns != nil && in.Missing(e.NodeName, ns.Name, fact.KindRoutes) == nil
		switch {
		case !sure:
			in.Blind("%s is on internal networks, and on one that nobody knows", e.Name)
			continue
		case slices.ContainsFunc(in.leaving(), func(p fact.TCPProbe) bool { return p.From.Container == e.Container && p.Outcome == fact.Open }):
			continue
		case seen && expect.DefaultRoute(ns) != nil:
			continue // by a leg that somebody gave it, or that ingress did
		case !seen && in.onIngress(e):
			in.Blind("%s is on internal networks and on ingress, and its routes were not seen", e.Name)
			continue
		}
		out = in.enclosed(out, e, names, seen)
	}
	return out
}

// allInternal names an end's networks, ingress left out, where all are internal;
// sure is false where nobody knows one of them.
func (in *In) allInternal(e *expect.End) (names []string, sure bool) {
	sure = true
	for _, a := range e.Addresses {
		switch n := expect.Network(in.Snapshot, a.Network); {
		case n == nil:
			sure = false
		case n.Ingress:
		case !n.Internal:
			return nil, true
		case !slices.Contains(names, n.Name):
			names = append(names, n.Name)
		}
	}
	slices.Sort(names)
	return names, sure
}

func (in *In) onIngress(e *expect.End) bool {
	return slices.ContainsFunc(e.Addresses, func(a fact.TaskAddress) bool {
		n := expect.Network(in.Snapshot, a.Network)
		return n != nil && n.Ingress
	})
}

// enclosed adds an end that cannot leave: one finding a service, or a container.
func (in *In) enclosed(list []Finding, e *expect.End, names []string, seen bool) []Finding {
	f := Finding{Certainty: Proof, Subject: EndSubject(e), Only: Leaving, Structural: true, Impact: ImpactTask,
		Evidence: []Evidence{{"networks of " + e.Name, "one that is not internal", strings.Join(names, ", ") + ": internal"}}}
	who := e.Name
	if svc := in.Wanted.Service(e.Service); svc != nil {
		f.Subject, f.Services, f.Impact, who = ServiceSubject(svc), []fact.ServiceID{svc.ID}, impactService(svc), svc.Name
		f.Relief = fmt.Sprintf("on a manager: docker service update --network-add NETWORK %s   # a network without --internal", quoted(svc.Name))
		f.Evidence[0].Where = "networks of " + svc.Name
	} else {
		f.Node, f.Relief = e.NodeName, fmt.Sprintf("on %s: docker network connect NETWORK %.12s   # a network without --internal", e.NodeName, e.Container)
	}
	i := slices.IndexFunc(list, func(o Finding) bool { return o.Subject == f.Subject })
	if i < 0 {
		f.Message = fmt.Sprintf("%s cannot reach anything outside, by design: it is on internal networks only (%s)", who, strings.Join(names, ", "))
		f.Confirm = "docker network inspect --format '{{.Name}} {{.Internal}}' " + quoted(names[0])
		i, list = len(list), append(list, f)
	}
	if seen && len(list[i].Evidence) < 4 {
		list[i].Evidence = append(list[i].Evidence, Evidence{fmt.Sprintf("%s: routes of %s", e.NodeName, e.Name), "default via " + expect.GatewayBridge, "no default route"})
	}
	return list
}
