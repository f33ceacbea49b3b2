package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// unlooked lists the nodes that are up and that nobody looked at.
func (in *In) unlooked() []string {
	var out []string
	for _, n := range in.Wanted.Nodes {
		if n.State == "ready" && in.Node(n.ID) == nil {
			out = append(out, n.Hostname)
		}
	}
	slices.Sort(out)
	return out
}

// restartEngine are the commands that restart a node's engine in good order.
func restartEngine(node string) string {
	return fmt.Sprintf("on a manager: docker node update --availability drain %s\nwhen its tasks have moved, on %s: systemctl restart docker\non a manager: docker node update --availability active %s",
		quoted(node), node, quoted(node))
}

// disown is how to get rid of what gossip tells and its owner does not withdraw:
// only the owner's restart does it, so nothing is restarted before it is known.
func (in *In) disown(owner fact.NodeID, host netip.Addr) (relief, impact string) {
	unseen := in.unlooked()
	switch {
	case owner != "" && in.Node(owner) != nil:
		return restartEngine(in.NodeName(owner)), ImpactNode(in.NodeName(owner))
	case owner != "":
		return fmt.Sprintf("Find the owner first: the entry says %s, which was not looked at. Run fairway there, or give every node an agent with `fairway deploy`, and restart nothing before.", in.NodeName(owner)), ImpactNone
	case len(unseen) > 0:
		return fmt.Sprintf("Find the owner first: %s %s not looked at. Run fairway there, or give every node an agent with `fairway deploy`, and restart nothing before.", listed(unseen), plural(len(unseen), "was", "were")), ImpactNone
	case host.IsValid():
		return fmt.Sprintf("Find the owner first: which node had the host address %s. Only its engine withdraws the entry; restarts of others do not remove it.", host), ImpactNone
	}
	return "Find the owner first: the entry has no host address. Only the engine that made it withdraws it; restarts of others do not remove it.", ImpactNone
}

// believedAt is what an engine believes of an address, nil for nothing.
func believedAt(e *fact.EngineNetwork, a netip.Addr) *fact.BelievedTask {
	if e == nil {
		return nil
	}
	for _, t := range believedOn(e) {
		if t.IP == a {
			return &t
		}
	}
	return nil
}

// oncePerNode leaves one finding for a node, network and service: every
// container there gets the same answer.
func oncePerNode(list []Finding) []Finding {
	var out []Finding
	for _, f := range list {
		i := slices.IndexFunc(out, func(o Finding) bool { return o.key() == f.key() })
		if i < 0 {
			out = append(out, f)
			continue
		}
		out[i].Probed = out[i].Probed || f.Probed
		for _, e := range f.Evidence {
			if !slices.ContainsFunc(out[i].Evidence, func(o Evidence) bool { return o.Got == e.Got }) {
				out[i].Evidence = append(out[i].Evidence, e)
			}
		}
	}
	return out
}

// oncePerService makes one finding of what several nodes suffer alike: it is one
// fault, and there is more than one engine to act on.
func (in *In) oncePerService(list []Finding) []Finding {
	var out []Finding
	slices.SortFunc(list, func(a, b Finding) int { return strings.Compare(a.Node, b.Node) })
	for _, f := range list {
		i := slices.IndexFunc(out, func(o Finding) bool { return o.Network == f.Network && o.Subject == f.Subject })
		if i < 0 {
			f.Nodes = append(f.Nodes, nodeNamed(in.Snapshot, f.Node))
			out = append(out, f)
			continue
		}
		o := &out[i]
		o.Evidence, o.Nodes = append(o.Evidence, f.Evidence...), append(o.Nodes, nodeNamed(in.Snapshot, f.Node))
		o.Probed, o.Node, o.Impact = o.Probed || f.Probed, "", ImpactSwarm
		o.Message += fmt.Sprintf("; from %s, too", f.Node)
		if !strings.Contains(o.Relief, f.Relief) {
			o.Relief += "\n" + f.Relief
		}
	}
	return out
}
