package check

import (
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IPVSDestMissing finds running tasks to which a node's balancer does not lead.
var IPVSDestMissing = &Check{
	ID:    "ipvs-dest-missing",
	Title: "a node's load balancer does not lead to a task that runs",
	Doc: Doc{
		Symptom: "Some tasks of a service get no connections from one node, by the virtual IP or the published port; a service of one task is refused there.",
		Cause:   "The engine adds each task to IPVS when gossip tells of it. The message was lost or came in an unlucky order, or adding it failed, which is only logged.",
		ByHand:  "`ipvsadm -Ln` in the namespace (ingress_sbox, or lb_ and the first nine of the network's ID): under the service's mark there is one line for every running task's address. A task whose health check has not passed yet is rightly not there.",
		Relief:  "Add the backend by hand; or update the service by force, which does it on every node.",
		Fix:     "Restart the engine on that node in a quiet hour; upgrade the engines.",
	},
	Needs: []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindRules, fact.KindIPVS, fact.KindLinks},
	Side:  FromSide,
	Because: []string{"underlay-peer-unreachable", "gossip-7946-blocked", "gossip-udp-blocked", "gossip-split-islands", "advertise-addr-wrong", "dockerd-hung", "duplicate-node-identity",
		"networkdb-missing-after-rejoin", "task-not-discoverable", "duplicate-ip-or-vip", "lb-vip-not-programmed", "vip-disagreement"},
	Run: destMissing,
}

func destMissing(in *In) []Finding {
	var out []Finding
	for _, b := range in.balances() {
		if b.Virtual == nil {
			continue // lb-vip-not-programmed and ingress-mark-or-lb-missing have it
		}
		for _, t := range in.behindVIP(b.Service.ID, b.Net.ID) {
			at := t.Addr(b.Net.ID)
			if b.Virtual.Backend(at) != nil || in.health(t) != "" && in.health(t) != "healthy" {
				continue
			}
			f := b.finding(in, fmt.Sprintf("the load balancer of %s on %s does not lead the %s to %s (%s), which runs", b.Net.Name, b.Node.Name, &b, expect.NameOf(t), at))
			got := "not among " + b.leads()
			if believedAt(b.Node.Engine.Network(b.Net.ID), at) == nil {
				got += "; gossip there does not tell of it either"
			}
			f.Evidence = []Evidence{{b.where(fmt.Sprintf("IPVS, FWM %d,", b.Virtual.Mark)), at.String(), got}}
			f.Subject, f.Tasks = TaskSubject(t), []fact.TaskID{t.ID}
			f.Probed = f.Probed && len(b.Virtual.Backends) == 0 // else the others answer
			f.Relief = b.add(at)
			out = append(out, f)
		}
	}
	return onceEach(out)
}

// leads lists the backends of the virtual service.
func (b *balance) leads() string {
	var out []string
	for _, r := range b.Virtual.Backends {
		out = append(out, r.Addr.Addr().String())
	}
	if len(out) == 0 {
		return "its backends: it has none"
	}
	return "its backends " + listed(out)
}
