package expect

import (
	"net/netip"

	"fairway/internal/fact"
)

// Carried is a packet between two hosts, as the rules of one of them meet it.
type Carried struct {
	// Peer is the other host's address.
	Peer netip.Addr
	// Proto is "udp" or "tcp".
	Proto string
	// Port is the well-known port: of the receiver, or of the sender where Answer
	// is set. The port of the other end is whatever the kernel chose.
	Port   uint16
	Answer bool
}

// Let walks a packet from a peer into a node's own sockets, or from there to a
// peer, through the rules of the host. ok is false where nobody can say how it
// would come or go.
func Let(s *fact.Snapshot, n *fact.Node, c Carried, in bool) (w Walked, ok bool) {
	host := n.Kernel.Host()
	if host == nil || host.Netfilter == nil || !c.Peer.IsValid() {
		return Walked{}, false
	}
	own, link := towards(s, n, host, c.Peer)
	if link == nil || !own.IsValid() {
		return Walked{}, false
	}
	p := Packet{Src: own, Dst: c.Peer, Proto: ProtoNumber(c.Proto), DstPort: c.Port, Flags: 2, State: "NEW", IPVS: No, IPsec: No}
	if c.Answer {
		p.SrcPort, p.DstPort, p.Flags, p.State = c.Port, 0, 0x12, "ESTABLISHED"
	}
	first, second := "output", "postrouting"
	if in {
		first, second = "prerouting", "input"
		p.Src, p.Dst, p.In = c.Peer, own, link.Name
	} else {
		p.Out = link.Name
	}
	if w = Walk(host, first, p); w.Fate != Accepted {
		return w, true
	}
	return Walk(host, second, w.Packet), true
}

// towards is a node's address and interface on the way to a peer: what its
// kernel said, else the one that others ask it by.
func towards(s *fact.Snapshot, n *fact.Node, host *fact.NetNS, peer netip.Addr) (netip.Addr, *fact.Link) {
	for _, l := range host.Lookups {
		if l.Dst == peer && l.Err == "" && l.Src.IsValid() {
			return l.Src, host.Link(l.Link)
		}
	}
	return front(s, n, host)
}
