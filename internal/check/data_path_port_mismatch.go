package check

import (
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// DataPathPortMismatch finds vxlan links that send to another UDP port than the
// Swarm chose.
var DataPathPortMismatch = &Check{
	ID:    "data-path-port-mismatch",
	Title: "an overlay's vxlan link uses another UDP port than the Swarm",
	Doc: Doc{
		Symptom: "On one network, a node reaches no other node, although names resolve and the nodes are Ready. After a Swarm was made anew, or restored.",
		Cause:   "The Swarm's data path port is chosen once, at `docker swarm init --data-path-port` (4789 otherwise). A vxlan link made for another port, before, survived on this node: it sends where nobody listens, and hears nothing.",
		ByHand:  "`docker info` on a manager says \"Data Path Port\"; in the overlay's namespace `ip -d link show vxlan0` says `dstport`.",
		Relief:  "The port of a link cannot be changed. Drain the node, so that the engine takes the overlay down, then let it work again.",
		Fix:     "Before a node joins another Swarm, let it leave the old one with all its containers gone. Open the chosen UDP port among all nodes.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindLinks},
	Because: []string{"stale-overlay-netns"},
	Run:     dataPathPort,
}

func dataPathPort(in *In) []Finding {
	var out []Finding
	for _, node := range in.Sighted {
		if node.Kernel == nil {
			in.Blind("%s: kernel was not seen", node.Name)
			continue
		}
		want := expect.DataPathPort(in.Snapshot, node)
		for i := range node.Kernel.Namespaces {
			ns := &node.Kernel.Namespaces[i]
			if ns.Role != fact.RoleOverlay || !in.Can(node, ns.Name, fact.KindLinks) {
				continue
			}
			for _, l := range ns.Links {
				if l.VXLAN != nil && l.VXLAN.Port != want {
					out = append(out, in.wrongPort(node, ns, &l, want))
				}
			}
		}
	}
	return out
}

func (in *In) wrongPort(node *fact.Node, ns *fact.NetNS, l *fact.Link, want uint16) Finding {
	name := in.NetworkName(ns.Network)
	return Finding{
		Certainty: Proof, Structural: true, Node: node.Name, Network: ns.Network, Subject: Subject{Kind: "link", Name: l.Name},
		Message:  fmt.Sprintf("%s of %s on %s uses UDP port %d, the Swarm uses %d", l.Name, name, node.Name, l.VXLAN.Port, want),
		Evidence: []Evidence{{Where: fmt.Sprintf("%s: %s of %s", node.Name, l.Name, name), Want: fmt.Sprintf("dstport %d", want), Got: fmt.Sprintf("dstport %d", l.VXLAN.Port)}},
		Confirm:  fmt.Sprintf("on %s: %sip -d link show %s", node.Name, Enter(ns.Name), quoted(l.Name)),
		Relief:   drainAndBack(node.Name),
		Impact:   ImpactNode(node.Name),
	}
}
