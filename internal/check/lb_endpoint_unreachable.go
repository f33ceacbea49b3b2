package check

import (
	"slices"

	"fairway/internal/fact"
)

// LBEndpointUnreachable finds load balancers whose link to their network is down,
// or has left the bridge.
var LBEndpointUnreachable = &Check{
	ID:    "lb-endpoint-unreachable",
	Title: "the link of a node's load balancer is down or has left its bridge",
	Doc: Doc{
		Symptom: "From the tasks of one node no virtual IP of a network answers (\"no route to host\"); on the ingress network: no port that the node publishes. Tasks answer on their own addresses.",
		Cause:   "The load balancer has one veth pair into the network's bridge. A network manager, udev, or somebody by hand took an end down, or out of the bridge.",
		ByHand:  "In the namespace lb_ and first nine of the network's ID (or ingress_sbox) `ip addr`: its interface is UP with the network's address. In the network's namespace `ip -d link`: the other end is UP with `master br0`. In a client's namespace `ip neigh` shows the VIP as FAILED or INCOMPLETE.",
		Relief:  "Bring the link up, and back into the bridge.",
		Fix:     "Tell network managers to leave veth* links of containers alone; restart the engine on that node if the link does not stay up.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks},
	Side:    FromSide,
	Because: []string{"neigh-table-overflow", "stale-overlay-netns", "vxlan-file-exists", "ingress-sbox-missing", "overlay-port-down-or-unenslaved"},
	Run:     lbEndpoint,
}

func lbEndpoint(in *In) []Finding {
	var out []Finding
	for _, o := range in.overlays(fact.KindLinks) {
		bridged := slices.ContainsFunc(o.NS.Links, func(l fact.Link) bool { return l.Kind == "bridge" })
		for _, p := range in.ports(o.Node, o.Net, o.NS) {
			if p.Kind != "link" {
				continue // overlay-port-down-or-unenslaved has it
			}
			if t := o.portTroubles(in, &p, bridged); len(t) > 0 {
				f := in.troubled(&o, p.Subject, t)
				f.Only, f.Nodes, f.Probed = Balanced, []fact.NodeID{o.Node.ID}, in.balancerFails(&o)
				out = append(out, f)
			}
		}
	}
	return out
}

// balancerFails: something that a node balances on a network failed.
func (in *In) balancerFails(o *overlay) bool {
	return slices.ContainsFunc(in.Seen.Published, func(q fact.PublishedProbe) bool {
		if q.Stage == fact.StageVIP {
			return q.From.Node == o.Node.Name && q.Network == o.Net.ID && ailing(&q)
		}
		return o.Net.Ingress && q.Node == o.Node.ID && q.Stage != fact.StageTask && ailing(&q)
	})
}
