package expect

import (
	"net/netip"
	"slices"

	"fairway/internal/fact"
)

// Leg is a namespace's end on the gateway bridge, by which it reaches the outside.
type Leg struct {
	NS *fact.NetNS
	// Link is its interface inside; nil where no interface has an address of the
	// bridge's subnet.
	Link *fact.Link
	// Veth is the other end, in the host; nil where it is not there.
	Veth *fact.Link
}

// LegOf finds a namespace's leg by the bridge's subnet and by the two indexes
// that veth ends have of each other.
func LegOf(host, ns *fact.NetNS, net *fact.EngineNetwork) Leg {
	out := Leg{NS: ns}
	for i := range ns.Links {
		l := &ns.Links[i]
		if slices.ContainsFunc(l.Addrs, func(a netip.Prefix) bool { return onSubnet(net, a.Addr()) }) {
			out.Link = l
		}
	}
	for i := range host.Links {
		if v := &host.Links[i]; out.Link != nil && v.Kind == "veth" && v.PeerIndex == out.Link.Index && out.Link.PeerIndex == v.Index {
			out.Veth = v
		}
	}
	return out
}

func onSubnet(net *fact.EngineNetwork, a netip.Addr) bool {
	return slices.ContainsFunc(net.Subnets, func(s fact.Subnet) bool { return s.Prefix.Contains(a) })
}

// Legs are all legs on a node's gateway bridge, in the order of the namespaces.
func Legs(n *fact.Node, net *fact.EngineNetwork) []Leg {
	var out []Leg
	for i := range n.Kernel.Namespaces {
		ns := &n.Kernel.Namespaces[i]
		if ns.Role != fact.RoleContainer && ns.Role != fact.RoleIngress {
			continue
		}
		if l := LegOf(n.Kernel.Host(), ns, net); l.Link != nil {
			out = append(out, l)
		}
	}
	return out
}

// NeedsGateway reports whether a node takes part in an overlay whose containers
// may reach the outside: all that are not internal, the routing mesh's too.
func NeedsGateway(n *fact.Node) bool {
	return n.Engine != nil && slices.ContainsFunc(n.Engine.Networks, func(e fact.EngineNetwork) bool {
		return e.Driver == "overlay" && e.Instantiated && !e.Internal
	})
}

// GatewayAddr is the bridge's own address with its prefix length, by IPAM; not
// valid where none is told.
func GatewayAddr(net *fact.EngineNetwork) netip.Prefix {
	for _, s := range net.Subnets {
		if s.Gateway.IsValid() && s.Prefix.IsValid() && s.Gateway.Is4() {
			return netip.PrefixFrom(s.Gateway, s.Prefix.Bits())
		}
	}
	return netip.Prefix{}
}

// DefaultRoute is a namespace's route to everywhere, or nil.
func DefaultRoute(ns *fact.NetNS) *fact.Route {
	i := slices.IndexFunc(ns.Routes, func(r fact.Route) bool {
		return (!r.Dst.IsValid() || r.Dst.Bits() == 0) && r.Table == 254 && r.Type <= 1 && (!r.Gateway.IsValid() || r.Gateway.Is4())
	})
	if i < 0 {
		return nil
	}
	return &ns.Routes[i]
}
