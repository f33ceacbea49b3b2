package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// UnderlayPeerUnreachable finds peers whose underlay address a node cannot
// reach at all.
var UnderlayPeerUnreachable = &Check{
	ID:    "underlay-peer-unreachable",
	Title: "a node cannot reach another node at all",
	Doc: Doc{
		Symptom: "Everything towards one node fails, gossip and manager traffic too; after some 15 s the managers call it down and start its tasks elsewhere.",
		Cause:   "The node is off, its cable, VLAN or VPN is, or the route to it is gone on this one.",
		ByHand:  "On this node `ip route get ADDRESS` (is there a route, out of which interface), `ip neigh` (does the next hop answer), `ip link` (is the interface up, with carrier); `nc -z ADDRESS 7946`.",
		Relief:  "Bring the link, the route or the node back; everything else follows within seconds.",
		Fix:     "Find out why it went: persistent network configuration, cabling, switch, power.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindRoutes, fact.KindNeighbours, fact.KindUnderlay},
	Because: []string{"conntrack-full", "neigh-table-overflow", "duplicate-node-identity", "advertise-addr-wrong", "rp-filter-strict"},
	Run:     peerUnreachable,
}

func peerUnreachable(in *In) []Finding {
	var bad, good []pair
	for _, node := range in.Sighted {
		host := node.Kernel.Host()
		if host == nil || !in.Can(node, host.Name, fact.KindLinks, fact.KindRoutes, fact.KindNeighbours) {
			in.Blind("%s: the host's namespace was not seen", node.Name)
			continue
		}
		if node.Engine != nil {
			in.Can(node, "", fact.KindNetworks) // who tells where overlay packets go
		}
		for _, peer := range expect.Peers(in.Snapshot, in.Scope, node) {
			p := in.unreached(host, node, &peer)
			if len(p.Evidence) > 0 {
				p.Tasks = in.runningOn(peer.ID)
				bad = append(bad, p)
			} else {
				good = append(good, p)
			}
		}
	}
	var out []Finding
	for _, f := range in.blame(bad, good) {
		p := &f.Pairs[0]
		f.Message = fmt.Sprintf("%s cannot reach each other below the overlay: %s", f.between(), f.Evidence[0].Got)
		f.Confirm = fmt.Sprintf("on %s: ip route get %s; ip neigh show %s", p.Node.Name, p.Peer.Addr, p.Peer.Addr)
		f.Relief = in.routeRelief(p)
		f.Probed = slices.ContainsFunc(f.Pairs, func(p pair) bool { return len(in.asked(p.Node, &p.Peer, "")) > 0 })
		f.Hosts = f.Probed
		out = append(out, f.Finding)
	}
	return out
}

// unreached judges the way to each of a peer's addresses, and comes back with
// the first that does not lead there.
func (in *In) unreached(host *fact.NetNS, node *fact.Node, peer *expect.Peer) pair {
	for _, a := range peer.Addrs() {
		p := pair{Node: node, Peer: peer.At(a)}
		if in.reach(host, &p); len(p.Evidence) > 0 {
			return p
		}
	}
	return pair{Node: node, Peer: *peer}
}
