package check

import (
	"fmt"
	"strings"

	"fairway/internal/fact"
)

// StaleOverlayNetns finds namespaces of overlays that an earlier life of the
// engine, or of the network, left behind.
var StaleOverlayNetns = &Check{
	ID:    "stale-overlay-netns",
	Title: "an old namespace of an overlay is left on the node",
	Doc: Doc{
		Symptom: "On one node, one network works for some containers only, or not across nodes; or its tasks are rejected (\"network … exists\", \"error creating vxlan interface: file exists\").",
		Cause: "Every overlay has one namespace on a node, /var/run/docker/netns/<count>-<network ID>. One of an earlier life of the engine stayed (a busy mount, a crash): " +
			"the engine writes its rows into one, and the traffic is in the other; or the old one's vxlan link takes the network's number.",
		ByHand: "`ls /var/run/docker/netns`: for each network (the first letters of its ID after the dash) one entry. `nsenter --net=FILE ip -d link` shows which holds vxlan0 and which the containers' ends.",
		Relief: "Drain the node; when its tasks are gone unmount and remove what is left of the network; let the node work again.",
		Fix:    "Stop the engine with its service manager, never with SIGKILL; upgrade. If a mount stays busy, reboot the node in a quiet hour.",
	},
	Needs: []fact.Kind{fact.KindNetworks, fact.KindLinks},
	Run:   staleNetns,
}

func staleNetns(in *In) []Finding {
	var out []Finding
	for _, node := range in.Sighted {
		if node.Engine == nil || node.Kernel == nil {
			in.Blind("%s: engine or kernel was not seen", node.Name)
			continue
		}
		clash := map[string]*fact.Network{}
		for _, t := range in.takenVNIs(node) {
			clash[t.NS.Name] = t.Net
		}
		for i := range node.Kernel.Namespaces {
			ns := &node.Kernel.Namespaces[i]
			net := node.Engine.Network(ns.Network)
			ours := ns.Role == fact.RoleOverlay || ns.Role == fact.RoleOther && overlayHandle.MatchString(ns.Name)
			switch {
			case !ours || !in.Can(node, ns.Name, fact.KindLinks):
			case net != nil && ns != namespaceOf(node, net):
				out = append(out, in.second(node, net, ns))
			case net == nil && clash[ns.Name] != nil:
				out = append(out, in.leftover(node, ns, clash[ns.Name], Proof))
			case net == nil && holdsVNI(ns) && !in.moving(node, ns):
				out = append(out, in.leftover(node, ns, nil, Hint))
			case net != nil && !net.Instantiated && holdsVNI(ns) && !in.moving(node, ns):
				out = append(out, in.leftover(node, ns, &net.Network, Hint))
			}
		}
	}
	return out
}

// second is about one namespace too many of a network.
func (in *In) second(node *fact.Node, net *fact.EngineNetwork, ns *fact.NetNS) Finding {
	first := namespaceOf(node, net)
	f := in.leftover(node, ns, &net.Network, Proof)
	f.Message = fmt.Sprintf("%s has two namespaces on %s: %s with %s, and %s with %s", net.Name, node.Name, first.Name, parts(first), ns.Name, parts(ns))
	f.Evidence[0].Want, f.Evidence[0].Got = first.Name+" alone", "and "+ns.Name+" with "+parts(ns)
	f.Probed = len(in.FailedTo(node.Name, "")) > 0
	if !inhabited(ns) {
		f.Certainty = Hint
	}
	return f
}

func (in *In) leftover(node *fact.Node, ns *fact.NetNS, net *fact.Network, c Certainty) Finding {
	_, id, _ := strings.Cut(ns.Name, "-")
	f := Finding{Certainty: c, Node: node.Name, Subject: Subject{Kind: "network", Name: id},
		Message:  fmt.Sprintf("%s on %s is the namespace of a network that is not there, with %s", ns.Name, node.Name, parts(ns)),
		Evidence: []Evidence{{Where: node.Name + ": namespaces of overlays", Want: "one for each network in use", Got: ns.Name + " with " + parts(ns)}},
		Confirm:  fmt.Sprintf("on %s: ls /var/run/docker/netns; %sip -d link", node.Name, Enter(ns.Name)),
		Relief: fmt.Sprintf("%s\non %s, between the two: umount %s; rm %s",
			drainAndBack(node.Name), node.Name, handleOf(ns), handleOf(ns)),
		Impact: ImpactNode(node.Name)}
	if net != nil {
		f.Network, f.Subject = net.ID, in.NetworkSubject(net.ID)
		f.suffer(in.refused(node.ID, net.ID, "file exists", string(net.ID)+" exists"))
	}
	return f
}

// handleOf is the path of a namespace's handle, as a word of a command.
func handleOf(ns *fact.NetNS) string { return quoted("/var/run/docker/netns/" + ns.Name) }
