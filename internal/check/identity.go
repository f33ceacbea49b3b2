package check

import (
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
