package expect

import (
	"net/netip"

	"fairway/internal/fact"
)

// Depart walks a new connection of a task to a place outside through its host's
// FORWARD: in by the gateway bridge, out by the link of the default route, or
// else by the one that others ask the node by. The reason says why it could not
// be walked.
func Depart(s *fact.Snapshot, n *fact.Node) (Walked, string) {
	return DepartTo(s, n, netip.AddrFrom4([4]byte{198, 51, 100, 1}), "tcp", 443)
}

// DepartTo is Depart to one address and port.
func DepartTo(s *fact.Snapshot, n *fact.Node, to netip.Addr, proto string, port uint16) (Walked, string) {
	return DepartFrom(s, n, nil, netip.AddrPortFrom(to, port), proto)
}

// DepartFrom is Depart of what is in one namespace, from its own address on the
// gateway bridge, to one address and port. Without a namespace it is the first
// that has such an address.
func DepartFrom(s *fact.Snapshot, n *fact.Node, ns *fact.NetNS, to netip.AddrPort, proto string) (Walked, string) {
	host, net := n.Kernel.Host(), GatewayNetwork(n)
	if host == nil || net == nil {
		return Walked{}, "it has no gateway bridge"
	}
	if host.LinkWith(to.Addr()) != nil {
		return Walked{}, to.Addr().String() + " is an address of the host itself, so its INPUT decides and not its FORWARD"
	}
	var legs []Leg
	if ns == nil {
		legs = Legs(n, net)
	} else if l := LegOf(host, ns, net); l.Link != nil {
		legs = []Leg{l}
	}
	out := wayOut(s, n, host, to.Addr())
	if len(legs) == 0 || out == nil {
		return Walked{}, "nothing there has a way to the outside"
	}
	p := Packet{Dst: to.Addr(), Proto: ProtoNumber(proto), SrcPort: 40000, DstPort: to.Port(), Flags: 2, In: GatewayBridge, Out: out.Name,
		State: "NEW", IPVS: No, IPsec: No}
	for _, a := range legs[0].Link.Addrs {
		if onSubnet(net, a.Addr()) && a.Addr().Is4() == to.Addr().Is4() {
			p.Src = a.Addr()
		}
	}
	if !p.Src.IsValid() {
		return Walked{}, "it has no address of the kind of " + to.Addr().String() + " on the gateway bridge"
	}
	before := p
	before.Out = ""
	if w := Walk(host, "prerouting", before); w.Packet.Dst != p.Dst || w.Packet.DstPort != p.DstPort {
		return Walked{}, "a rule of PREROUTING sends it elsewhere"
	}
	return Walk(host, "forward", p), ""
}

// DepartHost walks a new TCP connection of the host itself to an address and port
// through its OUTPUT; ok is false where no link of it leads there.
func DepartHost(s *fact.Snapshot, n *fact.Node, to netip.AddrPort) (w Walked, ok bool) {
	host := n.Kernel.Host()
	if host == nil || host.Netfilter == nil {
		return Walked{}, false
	}
	out := wayOut(s, n, host, to.Addr())
	if out == nil {
		return Walked{}, false
	}
	p := Packet{Dst: to.Addr(), Proto: ProtoNumber("tcp"), SrcPort: 40000, DstPort: to.Port(), Flags: 2, Out: out.Name, State: "NEW", IPVS: No, IPsec: No}
	for _, a := range out.Addrs {
		if a.Addr().Is4() == to.Addr().Is4() && !p.Src.IsValid() && !a.Addr().IsLinkLocalUnicast() {
			p.Src = a.Addr()
		}
	}
	return Walk(host, "output", p), p.Src.IsValid()
}

// wayOut is the link by which a host sends to an address: that of its narrowest
// route in the main table, or else the one that others ask the node by.
func wayOut(s *fact.Snapshot, n *fact.Node, host *fact.NetNS, to netip.Addr) *fact.Link {
	_, out := front(s, n, host)
	bits := -1
	for i := range host.Routes {
		r := &host.Routes[i]
		wide := !r.Dst.IsValid() || r.Dst.Bits() == 0
		if l := host.Link(r.Link); l == nil || r.Table != 254 || r.Type > 1 || !wide && !r.Dst.Contains(to) || wide && r.Gateway.IsValid() && r.Gateway.Is4() != to.Is4() {
			continue
		}
		if b := max(0, r.Dst.Bits()); b > bits {
			out, bits = host.Link(r.Link), b
		}
	}
	return out
}

// Stopped: it was dropped or rejected, for sure.
func (w *Walked) Stopped() bool { return w.Fate == Dropped || w.Fate == Rejected }

// AskResolver walks a question of a container to its resolver, port 53 of
// 127.0.0.11, through the rules inside: they must lead it to the resolver's socket.
func AskResolver(ns *fact.NetNS, proto string) Walked {
	return Walk(ns, "output", Packet{Src: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Dst: ResolverAddr, Proto: ProtoNumber(proto), SrcPort: 40000, DstPort: 53,
		Flags: 2, Out: "lo", State: "NEW", IPVS: No, IPsec: No})
}

// Enter walks a new connection that comes to a container by one of its own
// addresses; ok is false where no interface has it.
func Enter(ns *fact.NetNS, from, at netip.Addr, proto string, port uint16) (w Walked, ok bool) {
	l := ns.LinkWith(at)
	if l == nil {
		return Walked{}, false
	}
	if !from.IsValid() {
		from = neighbourOf(at)
	}
	w = Walk(ns, "prerouting", Packet{Src: from, Dst: at, Proto: ProtoNumber(proto), SrcPort: 40000, DstPort: port, Flags: 2, In: l.Name, State: "NEW", IPVS: No, IPsec: No})
	if w.Fate != Accepted {
		return w, true
	}
	return Walk(ns, "input", w.Packet), true
}

// Exit walks a new connection that a container makes itself; ok is false where
// no interface has its address.
func Exit(ns *fact.NetNS, from, to netip.Addr, proto string, port uint16) (w Walked, ok bool) {
	l := ns.LinkWith(from)
	if l == nil {
		return Walked{}, false
	}
	w = Walk(ns, "output", Packet{Src: from, Dst: to, Proto: ProtoNumber(proto), SrcPort: 40000, DstPort: port, Flags: 2, Out: l.Name, State: "NEW", IPVS: No, IPsec: No})
	if w.Fate != Accepted {
		return w, true
	}
	return Walk(ns, "postrouting", w.Packet), true
}
