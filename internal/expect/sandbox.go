package expect

import (
	"net/netip"
	"slices"

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
	to := out.Pre.Packet
	to.In, to.IPVS, to.Dst = "", Yes, out.Virtual.Backends[0].Addr.Addr()
	if l := ns.LinkWith(out.Own); l != nil {
		to.Out = l.Name
	}
	out.Post = Walk(ns, "postrouting", to)
	return out, ""
}

// SandboxOwn is the ingress sandbox's own address on a network: what the engine
// says of its endpoint, else the one with the network's prefix length.
func SandboxOwn(s *fact.Snapshot, n *fact.Node, id fact.NetworkID) netip.Addr {
	if net := n.Engine.Network(id); net != nil {
		for _, e := range net.Endpoints {
			if e.Key == "ingress-sbox" {
				return e.Addr.Addr()
			}
		}
	}
	ns, net := IngressSandbox(n), Network(s, id)
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
