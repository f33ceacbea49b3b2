package check

import (
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IPVSWeightStuck finds running tasks that a node's balancer keeps at weight 0.
var IPVSWeightStuck = &Check{
	ID:    "ipvs-weight-stuck",
	Title: "a node's load balancer gives no new connections to a task that runs",
	Doc: Doc{
		Symptom: "A task runs and gets no new connections from one node, by the virtual IP or the published port; a service of one task is refused there.",
		Cause:   "A backend that is to go gets weight 0, so that its connections end in peace. The task recovered, or another one took its address, and the weight stayed.",
		ByHand:  "`ipvsadm -Ln` in the namespace (ingress_sbox, or lb_ and the first nine of the network's ID): weight 1 for every running task, 0 only for tasks on their way out.",
		Relief:  "Set the weight to 1 by hand; or update the service by force.",
		Fix:     "Upgrade the engines; restart the engine on that node in a quiet hour.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindRules, fact.KindIPVS, fact.KindLinks},
	Side:    FromSide,
	Because: []string{"gossip-7946-blocked", "gossip-udp-blocked", "gossip-split-islands", "dockerd-hung", "task-not-discoverable"},
	Run:     weightStuck,
}

func weightStuck(in *In) []Finding {
	var out []Finding
	for _, b := range in.balances() {
		for _, t := range in.behindVIP(b.Service.ID, b.Net.ID) {
			at := t.Addr(b.Net.ID)
			r := b.Virtual.Backend(at)
			if r == nil || r.Weight > 0 || in.health(t) != "" && in.health(t) != "healthy" {
				continue
			}
			f := b.finding(in, fmt.Sprintf("the load balancer of %s on %s gives %s (%s) of the %s weight 0: it runs and gets no new connections", b.Net.Name, b.Node.Name, expect.NameOf(t), at, &b))
			f.Evidence = []Evidence{{b.where(fmt.Sprintf("IPVS, FWM %d,", b.Virtual.Mark)), fmt.Sprintf("%s with weight 1", at),
				fmt.Sprintf("weight %d, %d connections since it was added", r.Weight, r.Stats.Conns)}}
			f.Subject, f.Tasks = TaskSubject(t), []fact.TaskID{t.ID}
			f.Probed = f.Probed && b.exhausted()
			f.Relief = b.on("ipvsadm -e -f %d -r %s %s -w 1", b.Virtual.Mark, r.Addr, b.forward())
			out = append(out, f)
		}
	}
	return onceEach(out)
}

// exhausted: no backend takes a new connection.
func (b *balance) exhausted() bool {
	for _, r := range b.Virtual.Backends {
		if r.Weight > 0 {
			return false
		}
	}
	return true
}
