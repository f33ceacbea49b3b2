package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/fact"
)

// identity is an address on a link of a host.
type identity struct {
	Addr netip.Prefix
	MAC  fact.MAC
	Link string
}

// underlay lists where a host holds the addresses by which the swarm knows a
// node. Other addresses may be the same on many hosts, and rightly so: those of
// bridges, or of a service that moves about.
func (in *In) underlay(n *fact.Node, id fact.NodeID) []identity {
	var out []identity
	for _, a := range in.addrsOf(id) {
		if l := n.Kernel.Host().LinkWith(a); l != nil {
			i := slices.IndexFunc(l.Addrs, func(p netip.Prefix) bool { return p.Addr() == a })
			out = append(out, identity{l.Addrs[i], l.MAC, l.Name})
		}
	}
	return out
}

// usurped finds the addresses of other nodes on a node's own host: what it sends
// there comes back to itself.
func (in *In) usurped(n *fact.Node) []Finding {
	var out []Finding
	for _, w := range in.Wanted.Nodes {
		for _, at := range in.underlay(n, w.ID) {
			a := at.Addr.Addr()
			// What the managers take for a node's address may be their own, by NAT; one
			// that gossip counts is somebody's.
			if w.ID == n.ID || slices.Contains(in.addrsOf(n.ID), a) || !slices.ContainsFunc(in.joinedOverlays(), func(id fact.NetworkID) bool { return in.isPeer(id, a) }) {
				continue
			}
			out = append(out, Finding{Certainty: Proof, Node: n.Name, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID, w.ID}, Structural: true,
				Message:  fmt.Sprintf("%s has the address %s of %s, too: what it sends there comes back to itself", n.Name, a, w.Hostname),
				Evidence: []Evidence{{n.Name + ": addresses of " + at.Link, "none of another node", fmt.Sprintf("%s, of %s", at.Addr, w.Hostname)}},
				Confirm:  fmt.Sprintf("on %s: ip route get %s   # local, where it should lead out", n.Name, a),
				Relief:   fmt.Sprintf("on %s: ip address del %s dev %s", n.Name, at.Addr, quoted(at.Link)), Impact: ImpactNone})
		}
	}
	return out
}
