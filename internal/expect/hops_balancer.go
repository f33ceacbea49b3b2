package expect

import (
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// Balancer is the namespace in which a node balances connections to the virtual
// IPs of a network: lb_ and the network's ID since 18.09, ingress_sbox for the
// routing mesh; nil when there is none.
func Balancer(n *fact.Node, id fact.NetworkID) *fact.NetNS {
	if n.Kernel == nil || id == "" {
		return nil
	}
	for i := range n.Kernel.Namespaces {
		if ns := &n.Kernel.Namespaces[i]; ns.Network == id && (ns.Role == fact.RoleLB || ns.Role == fact.RoleIngress) {
			return ns
		}
	}
	return nil
}

// BalancerEndpoint is a network's endpoint of a node's load balancer, as its
// engine tells it; nil when it has none.
func BalancerEndpoint(net *fact.EngineNetwork) *fact.Endpoint {
	if net == nil {
		return nil
	}
	for i := range net.Endpoints {
		if e := &net.Endpoints[i]; e.Key == "ingress-sbox" || strings.HasPrefix(e.Key, "lb-") {
			return e
		}
	}
	return nil
}

// BalancerOwn is a balancer's own address on its network: what the engine says of
// its endpoint, else the one with the network's prefix length.
func BalancerOwn(s *fact.Snapshot, n *fact.Node, ns *fact.NetNS, id fact.NetworkID) netip.Addr {
	if e := BalancerEndpoint(n.Engine.Network(id)); e != nil {
		return e.Addr.Addr()
	}
	net := Network(s, id)
	if ns == nil || net == nil {
		return netip.Addr{}
	}
	for _, l := range ns.Links {
		for _, a := range l.Addrs {
			if slices.ContainsFunc(net.Subnets, func(sub fact.Subnet) bool { return sub.Prefix.Contains(a.Addr()) && sub.Prefix.Bits() == a.Bits() }) {
				return a.Addr()
			}
		}
	}
	return netip.Addr{}
}

// ArriveAtVIP walks a new connection of a task to a virtual IP into the balancer,
// which marks it on its way in (mangle INPUT, 18.09 and later).
func ArriveAtVIP(ns *fact.NetNS, own, vip netip.Addr, proto uint8, port uint16) Walked {
	p := Packet{Src: neighbourOf(own), Dst: vip, Proto: proto, SrcPort: 40000, DstPort: port, Flags: 2, State: "NEW", IPVS: No, IPsec: No}
	if l := ns.LinkWith(own); l != nil {
		p.In = l.Name
	}
	pre := Walk(ns, "prerouting", p)
	if pre.Fate != Accepted {
		return pre
	}
	in := Walk(ns, "input", pre.Packet)
	in.Did = slices.Concat(pre.Did, in.Did)
	return in
}

// LeaveBalanced walks a balanced packet, led to a backend by masquerading, through
// the balancer's POSTROUTING, which gives it the balancer's own address.
func LeaveBalanced(ns *fact.NetNS, own, backend netip.Addr, p Packet) Walked {
	p.In, p.IPVS, p.Dst = "", Yes, backend
	if l := ns.LinkWith(own); l != nil {
		p.Out = l.Name
	}
	return Walk(ns, "postrouting", p)
}

// MarkedVIPs are the addresses whose connections a balancer gives a mark: what
// its engine believes to be the virtual IP of the service with that mark.
func MarkedVIPs(ns *fact.NetNS, mark uint32) []netip.Addr {
	var out []netip.Addr
	for _, t := range tables(ns, "mangle") {
		c := t.Chain("INPUT")
		if c == nil || mark == 0 {
			continue
		}
		for _, r := range c.Rules {
			for _, m := range r.Matches {
				if r.Target.Kind == fact.TargetMark && r.Target.Value == mark && m.Kind == fact.MatchDestination && !m.Not && len(m.Prefixes) == 1 && m.Prefixes[0].IsSingleIP() {
					out = append(out, m.Prefixes[0].Addr())
				}
			}
		}
	}
	return out
}
