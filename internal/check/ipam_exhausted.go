package check

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IPAMExhausted finds overlays that have no address left for a task or a load
// balancer.
var IPAMExhausted = &Check{
	ID:    "ipam-exhausted",
	Title: "an overlay network has no address left",
	Doc: Doc{
		Symptom: "Tasks stay New or Preparing without a word, or are rejected after 30 s: \"node is missing network attachments, ip addresses may be exhausted\". The managers' log says \"could not find an available IP\".",
		Cause: "A subnet gives out its addresses but three (network, gateway, broadcast): one to every task, one to every service with a virtual IP, and since 18.06 one to every node that runs a task there, for its load balancer. " +
			"Tasks that are ending, or whose node never said that they ended, keep theirs.",
		ByHand: "`docker network inspect NETWORK --format '{{json .IPAM.Config}}'` for the subnet; count tasks (`docker service ps`), services and nodes on it.",
		Relief: "Scale services on that network down until all fit.",
		Fix:    "Create a network with a larger subnet (`--subnet 10.20.0.0/20`), move services to it one by one (`docker service update --network-add NEW --network-rm OLD`); spread services over several networks.",
	},
	Needs:   []fact.Kind{fact.KindSwarm},
	Because: []string{"ghost-tasks-of-removed-node"},
	Run:     ipamExhausted,
}

func ipamExhausted(in *In) []Finding {
	var out []Finding
	for i := range in.Wanted.Networks {
		if n := &in.Wanted.Networks[i]; n.Driver == "overlay" && len(n.Subnets) > 0 {
			if f, full := in.exhausted(n); full {
				out = append(out, f)
			}
		}
	}
	return out
}

func (in *In) exhausted(n *fact.Network) (Finding, bool) {
	d := in.needs(n)
	all := d.VIPs + d.Tasks + d.Nodes
	short := all > d.Room || all == d.Room && slices.ContainsFunc(d.Waiting, func(t *fact.Task) bool { return !t.Addr(n.ID).IsValid() })
	if !short || len(d.Waiting)+len(d.Refused) == 0 {
		return Finding{}, false
	}
	f := Finding{Certainty: Proof, Network: n.ID, Subject: in.NetworkSubject(n.ID), Recurring: len(d.Refused) > 0, Unstarted: true,
		Message: fmt.Sprintf("%s is out of addresses: %s has %d to give, and %d are needed", n.Name, subnets(n), d.Room, max(all, d.Room+1)),
		Confirm: fmt.Sprintf("docker network inspect %s --format '{{json .IPAM.Config}}'; docker service ps --no-trunc SERVICE", quoted(n.Name))}
	f.Evidence = []Evidence{{"addresses of " + n.Name, fmt.Sprintf("at most %d in use", d.Room),
		fmt.Sprintf("%d for tasks, %d for nodes that run them, %d for virtual IPs", d.Tasks, d.Nodes, d.VIPs)}}
	for _, t := range slices.Concat(d.Refused, d.Waiting) {
		if len(f.Evidence) < 5 {
			f.Evidence = append(f.Evidence, Evidence{"task " + expect.ShortName(t), "running", strings.TrimSuffix(t.State+": "+plightOf(t), ": ")})
		}
		if !slices.Contains(f.Services, t.ServiceID) {
			f.Services = append(f.Services, t.ServiceID)
		}
	}
	slices.Sort(f.Services)
	f.Relief, f.Impact = fmt.Sprintf("docker service scale SERVICE=N   # fewer, for the services on %s, until %d addresses are enough", n.Name, d.Room), "the tasks that go"
	if svc := in.Wanted.Service(f.Services[0]); svc != nil && svc.Mode == "replicated" {
		if fit := int(min(svc.Replicas, math.MaxInt32)) - max(all-d.Room, 1); fit > 0 {
			f.Relief = fmt.Sprintf("docker service scale %s=%d", quoted(svc.Name), fit)
		}
	}
	return f, true
}

func plightOf(t *fact.Task) string {
	if t.Err != "" {
		return short(t.Err)
	}
	return t.Message
}
