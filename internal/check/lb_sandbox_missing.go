package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// LBSandboxMissing finds nodes without the namespace that balances a network's
// virtual IPs.
var LBSandboxMissing = &Check{
	ID:    "lb-sandbox-missing",
	Title: "a node has no load balancer for a network's virtual IPs",
	Doc: Doc{
		Symptom: "From the tasks of one node no virtual IP of a network answers (\"no route to host\"), whatever the service; tasks answer by `tasks.NAME`.",
		Cause: "Since 18.09 a node that has a task on a network balances its virtual IPs in a namespace of its own, lb_ and the first nine of the network's ID. " +
			"Making it needs an address of the network; where none was left, or a clean-up took the namespace away, there is none.",
		ByHand: "`ls /var/run/docker/netns/lb_*`; `docker network inspect NETWORK` on that node shows an endpoint lb-NETWORK.",
		Relief: "Restart the engine on that node; until then clients there may use tasks.NAME.",
		Fix:    "Look in the engine's log for \"Unable to find load balancing endpoint\"; give the network a larger subnet if its addresses were used up; keep clean-up scripts away from /var/run/docker/netns.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindKernel},
	Side:    FromSide,
	Because: []string{"ipam-exhausted", "ipvs-kernel-missing", "address-pool-overlap", "stale-overlay-netns", "vxlan-file-exists"},
	Run:     lbSandbox,
}

func lbSandbox(in *In) []Finding {
	var out []Finding
	for _, v := range in.vips() {
		for _, n := range in.balancing(v.Net.ID) {
			name := "lb_" + string(v.Net.ID[:min(9, len(v.Net.ID))])
			if expect.Balancer(n, v.Net.ID) != nil || !in.needsBalancer(n, v.Net.ID) || !in.Can(n, name, fact.KindKernel) {
				continue
			}
			b := balance{Node: n, Net: v.Net, Service: v.Service, VIP: v.Addr}
			got := "there is none"
			if expect.BalancerEndpoint(n.Engine.Network(v.Net.ID)) == nil {
				got += ", and the engine has no endpoint lb-" + v.Net.Name
			}
			f := Finding{Certainty: Proof, Node: n.Name, Network: v.Net.ID, Subject: in.NodeSubject(n.ID), Only: Balanced, Nodes: []fact.NodeID{n.ID}, Probed: b.fails(in),
				Message:  fmt.Sprintf("%s has no load balancer on %s: no virtual IP answers its tasks there", n.Name, v.Net.Name),
				Evidence: []Evidence{{n.Name + ": namespaces", name, got}},
				Confirm:  "on " + n.Name + ": ls /var/run/docker/netns/" + quoted(name),
				Relief:   restartEngine(n.Name), Impact: ImpactNode(n.Name)}
			out = append(out, f)
		}
	}
	return oncePerNode(out)
}

// needsBalancer: a task of a service runs there on the network, and the engine is
// none of those before 18.09, which balanced in the clients' own namespaces.
func (in *In) needsBalancer(n *fact.Node, net fact.NetworkID) bool {
	if releaseOf(n.Engine.Version).within("1.0.0", "18.8.99") {
		return false
	}
	return slices.ContainsFunc(in.Wanted.Tasks, func(t fact.Task) bool {
		return t.ServiceID != "" && t.Node == n.ID && t.Running() && t.Addr(net).IsValid()
	})
}
