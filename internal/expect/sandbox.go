package expect

import (
	"net/netip"

	"fairway/internal/fact"
)

// SandboxArrival is what the ingress sandbox does with a new connection to a
// published port that the host has led there.
type SandboxArrival struct {
	// Pre is the walk through PREROUTING, which marks it.
	Pre Walked
	// Virtual is the virtual service of that mark; nil when there is none.
	Virtual *fact.VirtualService
	// Post is the walk of the balanced packet through POSTROUTING, which gives it
	// the sandbox's own address; zero without a backend.
	Post Walked
	// Own is the sandbox's address on the ingress network.
	Own netip.Addr
}

// ArriveInSandbox walks a published port's packet through a node's ingress
// sandbox. The reason says why it could not be walked.
func ArriveInSandbox(s *fact.Snapshot, n *fact.Node, p *Published) (SandboxArrival, string) {
	ns, at := IngressSandbox(n), SandboxAddr(n)
	if ns == nil || !at.IsValid() {
		return SandboxArrival{}, "its ingress sandbox has no address on " + GatewayBridge
	}
	out := SandboxArrival{Own: SandboxOwn(s, n, p.Network)}
	in := ns.LinkWith(at)
	packet := Packet{Src: stranger(s, n, at), Dst: at, Proto: ProtoNumber(p.Port.Proto), SrcPort: 40000, DstPort: p.Port.Published, Flags: 2,
		In: in.Name, State: "NEW", IPVS: No, IPsec: No}
	out.Pre = Walk(ns, "prerouting", packet)
	out.Virtual = ns.IPVS.Service("ip", out.Pre.Packet.Mark)
	if out.Virtual == nil || len(out.Virtual.Backends) == 0 {
		return out, ""
	}
	out.Post = LeaveBalanced(ns, out.Own, out.Virtual.Backends[0].Addr.Addr(), out.Pre.Packet)
	return out, ""
}

// SandboxOwn is the ingress sandbox's own address on a network.
func SandboxOwn(s *fact.Snapshot, n *fact.Node, id fact.NetworkID) netip.Addr {
	return BalancerOwn(s, n, IngressSandbox(n), id)
}

// IngressSandbox is a node's namespace of the routing mesh, or nil.
func IngressSandbox(n *fact.Node) *fact.NetNS {
	if n.Kernel == nil {
		return nil
	}
	for i := range n.Kernel.Namespaces {
		if ns := &n.Kernel.Namespaces[i]; ns.Role == fact.RoleIngress {
			return ns
		}
	}
	return nil
}

// GatewayBridge is the name of the bridge that every task and the ingress
// sandbox have their second leg on (all versions).
const GatewayBridge = "docker_gwbridge"

// SandboxAddr is the address of a node's ingress sandbox on the gateway bridge,
// found by the bridge's own subnet; not valid when there is none or it was not
// read.
func SandboxAddr(n *fact.Node) netip.Addr {
	host, ns := n.Kernel.Host(), IngressSandbox(n)
	if host == nil || ns == nil {
		return netip.Addr{}
	}
	bridge := host.LinkNamed(GatewayBridge)
	if bridge == nil {
		return netip.Addr{}
	}
	for _, sub := range bridge.Addrs {
		for i := range ns.Links {
			for _, a := range ns.Links[i].Addrs {
				if sub.Addr().Is4() && sub.Contains(a.Addr()) {
					return a.Addr()
				}
			}
		}
	}
	return netip.Addr{}
}
