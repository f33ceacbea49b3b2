package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// GossipSplitIslands finds nodes that gossip apart from the others although
// nothing stands between them.
var GossipSplitIslands = &Check{
	ID:    "gossip-split-islands",
	Title: "the nodes gossip in separate groups, although their ports are open",
	Doc: Doc{
		Symptom: "Two groups of nodes, each consistent in itself: names and addresses of the other group's tasks are unknown. `docker node ls` says Ready everywhere, and repairing the network changed nothing.",
		Cause: "Each group has forgotten the other: an engine started while it could reach nobody, or all managers were restarted at once. Failed nodes are tried again for a day, nodes that left are not; " +
			"an engine joins again by itself only when it knows no manager at all, once a minute (since 18.03).",
		ByHand: "`docker network inspect -v NETWORK` on every node: Peers differ in groups. `nc -z PEER 7946` works between the groups.",
		Relief: "Restart the engines of the smaller group, one after the other; drain each node first.",
		Fix:    "Keep three managers or more, restart them one at a time, and never start an engine while port 7946 is closed. Upgrade engines of 18.02 and before (moby#33346, libnetwork#1734).",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindUnderlay},
	Because: []string{"underlay-peer-unreachable", "dockerd-hung", "duplicate-node-identity"},
	Run:     splitIslands,
}

func splitIslands(in *In) []Finding {
	var out []Finding
	for _, net := range in.joinedOverlays() {
		all := in.islands(net)
		for _, small := range all[min(1, len(all)):] {
			f, apart := in.island(net, all[0], small)
			if !apart {
				continue
			}
			if i := slices.IndexFunc(out, func(o Finding) bool { return slices.Equal(o.Nodes, f.Nodes) }); i >= 0 {
				out[i].Network = "" // the same group on several networks: not the network's fault
				out[i].Evidence, out[i].Tasks = append(out[i].Evidence, f.Evidence...), append(out[i].Tasks, f.Tasks...)
				continue
			}
			out = append(out, f)
		}
	}
	return out
}

// joinedOverlays lists the overlays that a sighted node takes part in.
func (in *In) joinedOverlays() []fact.NetworkID {
	var out []fact.NetworkID
	for _, node := range in.Sighted {
		if node.Engine == nil {
			in.Blind("%s: engine was not seen", node.Name)
			continue
		}
		for _, n := range node.Engine.Networks {
			if n.Driver == "overlay" && n.Instantiated && !slices.Contains(out, n.ID) {
				out = append(out, n.ID)
			}
		}
	}
	slices.Sort(out)
	return out
}

// island is the finding about a group; apart is false where something stands
// between it and the main one, or nobody tried.
func (in *In) island(net fact.NetworkID, main, small []fact.NodeID) (f Finding, apart bool) {
	tried, open, names := 0, 0, in.names(small)
	for _, p := range in.Seen.Peers {
		from := nodeNamed(in.Snapshot, p.Node)
		between := slices.Contains(main, from) && slices.Contains(small, p.Peer) || slices.Contains(small, from) && slices.Contains(main, p.Peer)
		if p.What != "gossip" || !between || p.Outcome == fact.ProbeError {
			continue
		}
		if tried++; p.Outcome == fact.Open {
			open++
		}
	}
	if tried == 0 {
		in.Blind("TCP 7946 between %s and the others was not tried", names)
	}
	if tried == 0 || open < tried {
		return f, false
	}
	f = Finding{Certainty: Strong, Network: net, Subject: in.NetworkSubject(net), Nodes: small,
		Message: fmt.Sprintf("%s and %s do not gossip with each other on %s, although TCP 7946 between them is open", names, in.names(main), in.NetworkName(net)),
		Confirm: fmt.Sprintf("on each node: docker network inspect -v %s --format '{{json .Peers}}'", quoted(in.NetworkName(net)))}
	if len(small) == 1 {
		f.Node, f.Subject, f.Impact = names, in.NodeSubject(small[0]), ImpactNode(names)
	}
	for _, id := range small {
		f.Relief = strings.TrimSpace(f.Relief + fmt.Sprintf("\non %s: systemctl restart docker", in.NodeName(id)))
		f.Tasks = append(f.Tasks, in.wantedOn(id, net)...)
	}
	unseen := !slices.ContainsFunc(small, func(id fact.NodeID) bool { return in.joined(id, net) != nil })
	if unseen && in.Earlier != nil {
		// An engine that has just begun to hang looks the same from outside, until
		// the managers notice, too.
		f.Certainty = Hint
	}
	for _, id := range slices.Concat(main, small) {
		if e := in.joined(id, net); e != nil {
			f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("%s: peers of %s", in.NodeName(id), e.Name), in.names(slices.Concat(main, small)), in.peersOf(e)})
		}
	}
	return f, true
}
