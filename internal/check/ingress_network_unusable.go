package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IngressNetworkUnusable finds Swarms whose routing mesh has no network, or one
// that never got addresses.
var IngressNetworkUnusable = &Check{
	ID:    "ingress-network-unusable",
	Title: "the routing mesh's network is missing or was never given addresses",
	Doc: Doc{
		Symptom: "Services that publish a port do not start: their tasks stay \"new\", without an error and without a node; those that publish nothing start as usual.",
		Cause: "Published ports need the one network with --ingress. Somebody removed it and made it anew with a subnet that another network of the Swarm already has: the managers accept that, fail to allocate it, say so in the leader's log only " +
			"(\"Failed allocation\", \"ingress network is missing\"), and hold back every service that needs it. (Without any such network they refuse such services outright.)",
		ByHand: "`docker network inspect ingress`: IPAM.Config must have a subnet, Driver must be overlay; `docker network ls`: there must be one with --ingress at all.",
		Relief: "Take the published ports off, remove the network, make it with a free subnet, publish again.",
		Fix:    "Give ingress a subnet that no other network, host route or client has, or none, and let the managers choose from the pool.",
	},
	Needs:   []fact.Kind{fact.KindSwarm},
	Because: []string{"ipam-exhausted", "manager-quorum-lost"},
	Claims:  anyFailure,
	Run:     ingressUnusable,
}

func ingressUnusable(in *In) []Finding {
	var needy []*fact.Service
	for i := range in.Wanted.Services {
		svc := &in.Wanted.Services[i]
		if slices.ContainsFunc(svc.Ports, func(p fact.Port) bool { return p.Mode == "ingress" && p.Published != 0 }) {
			needy = append(needy, svc)
		}
	}
	net := expect.Ingress(in.Snapshot)
	waits := func(svc *fact.Service) bool { return in.unborn(svc) != nil }
	if len(needy) == 0 || net != nil && len(net.Subnets)+len(net.VNIs) > 0 || net == nil && !slices.ContainsFunc(needy, waits) {
		return nil
	}
	f := Finding{Certainty: Proof, Structural: true, Unstarted: true, Subject: Subject{Kind: "network", Name: "ingress"},
		Message: fmt.Sprintf("the Swarm has no ingress network: %s", in.needing(needy)), Confirm: "docker network ls --filter driver=overlay", Impact: ImpactNone,
		Relief: "docker network create -d overlay --ingress ingress"}
	got := "none"
	if net != nil {
		f.Network, f.Subject = net.ID, in.NetworkSubject(net.ID)
		f.Message = fmt.Sprintf("the managers could not allocate the network %s, it has neither subnet nor VXLAN ID: %s", net.Name, in.needing(needy))
		f.Confirm, got = "docker network inspect "+quoted(net.Name), net.Name+" without any"
		f.Relief, f.Impact = anew(net, needy), ImpactSwarm
	}
	f.Evidence = []Evidence{{Where: "networks of the Swarm", Want: "one with --ingress, its subnet and its VXLAN ID", Got: got}}
	for _, svc := range needy {
		f.Services = append(f.Services, svc.ID)
		if t := in.unborn(svc); t != nil {
			f.Evidence = append(f.Evidence, Evidence{Where: "task " + expect.ShortName(t), Want: "running", Got: "is " + t.State + " for " + in.since(t.StateSince)})
		}
	}
	f.Evidence = f.Evidence[:min(6, len(f.Evidence))]
	return []Finding{f}
}

// needing says which services cannot have what they publish.
func (in *In) needing(list []*fact.Service) string {
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return fmt.Sprintf("%s %s ports on it", listed(names), plural(len(names), "publishes", "publish"))
}

// unborn is a task of a service that waits for its networks, the first by name;
// nil when none does.
func (in *In) unborn(svc *fact.Service) *fact.Task {
	var out *fact.Task
	for i := range in.Wanted.Tasks {
		t := &in.Wanted.Tasks[i]
		if t.ServiceID == svc.ID && t.Desired == "running" && (t.State == "new" || t.State == "pending") && (out == nil || expect.ShortName(t) < expect.ShortName(out)) {
			out = t
		}
	}
	return out
}

// anew are the commands that replace the network: it cannot be removed while a
// service publishes on it (seen on 26.1).
func anew(net *fact.Network, needy []*fact.Service) string {
	var off, on []string
	for _, s := range needy {
		var rm, add string
		for _, p := range s.Ports {
			if p.Mode == "ingress" {
				rm += fmt.Sprintf(" --publish-rm %d/%s", p.Target, p.Proto)
				add += fmt.Sprintf(" --publish-add mode=ingress,target=%d,published=%d,protocol=%s", p.Target, p.Published, p.Proto)
			}
		}
		off = append(off, "docker service update"+rm+" "+quoted(s.Name))
		on = append(on, "docker service update"+add+" "+quoted(s.Name))
	}
	name := quoted(net.Name)
	return "on a manager:\n" + lines(append(append(off, "docker network rm "+name, "docker network create -d overlay --ingress "+name), on...)...)
}
