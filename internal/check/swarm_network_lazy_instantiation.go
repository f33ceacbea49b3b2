package check

import (
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// SwarmNetworkLazyInstantiation explains why a Swarm's network is not there for
// a container on a node where nothing uses it.
var SwarmNetworkLazyInstantiation = &Check{
	ID:    "swarm-network-lazy-instantiation",
	Title: "the Swarm's network is not on this node until something here uses it (by design)",
	Doc: Doc{
		Symptom: "On one node a container cannot find or reach a service, and `docker network inspect` there says that the network is not found, or shows it empty. A compose file says that its external network does not exist.",
		Cause: "This is no fault: an engine makes an overlay when the first task or container of its own is attached, and removes it with the last. " +
			"The container is on other networks only, so nothing has asked for it.",
		ByHand: "On the node: `docker network inspect -v NETWORK` (null or not found), `docker inspect --format '{{json .NetworkSettings.Networks}}' CONTAINER`; on a manager `docker network ls` has it, and ATTACHABLE is true.",
		Relief: "Attach the container: `docker network connect NETWORK CONTAINER`. The network appears with it.",
		Fix:    "Start the container with `--network NETWORK`, or make it a service. Do not test for the network on a worker before using it.",
	},
	Needs: []fact.Kind{fact.KindSwarm, fact.KindNetworks},
	Side:  FromSide,
	Run:   lazyNetwork,
}

func lazyNetwork(in *In) []Finding {
	var out []Finding
	if in.Question.From == "" || len(in.Scope.Networks) > 0 {
		return nil
	}
	for i := range in.Scope.From {
		from := &in.Scope.From[i]
		node := in.Node(from.Node)
		if from.Service != "" || !from.Running || node == nil || node.Engine == nil || in.Missing(node.Name, "", fact.KindNetworks) != nil {
			continue
		}
		for _, id := range in.networksOf(in.Scope.To, in.Scope.ToServices) {
			net := in.Wanted.Network(id)
			here := node.Engine.Network(id)
			if net == nil || net.Ingress || !net.Attachable || net.Scope != "swarm" || here != nil && here.Instantiated {
				continue
			}
			out = append(out, in.notHere(from, net))
			break
		}
	}
	return out
}

func (in *In) notHere(from *expect.End, net *fact.Network) Finding {
	on := in.networkList(in.networksOf([]expect.End{*from}, nil))
	return Finding{Certainty: Proof, Node: from.NodeName, Network: net.ID, Subject: EndSubject(from), Structural: true,
		Services: in.Scope.ToServices,
		Message:  fmt.Sprintf("%s is not on %s: nothing there uses it yet, and %s is on %s only", net.Name, from.NodeName, from.Name, on),
		Evidence: []Evidence{{Where: from.NodeName + ": network " + net.Name, Want: "instantiated", Got: "not there (by design: no endpoint on this node)"},
			{Where: from.NodeName + ": networks of " + from.Name, Want: net.Name, Got: on}},
		Confirm: fmt.Sprintf("on %s: docker network inspect -v %s", from.NodeName, quoted(net.Name)),
		Relief:  fmt.Sprintf("on %s: docker network connect %s %s", from.NodeName, quoted(net.Name), quoted(from.Name)),
		Impact:  ImpactNone}
}
