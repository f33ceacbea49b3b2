package facttest

import (
	"net/netip"

	"fairway/internal/fact"
)

// Control is the address that node i advertises in a snapshot that went through
// Apart.
func Control(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 99, 0, byte(10 + i)}) }

// Apart moves gossip and managers of a healthy snapshot to a second address of
// each host, as in a Swarm whose nodes joined with --data-path-addr: VTEP(i)
// takes nothing but overlay packets then.
func Apart(s *fact.Snapshot) *fact.Snapshot {
	moved := func(a netip.Addr) netip.Addr {
		for i := 1; i <= 3; i++ {
			if a == VTEP(i) {
				return Control(i)
			}
		}
		return a
	}
	for i := range s.Wanted.Nodes {
		n := &s.Wanted.Nodes[i]
		n.Addr, n.ManagerAddr = moved(n.Addr), moved(n.ManagerAddr)
	}
	for i := range s.Nodes {
		e := s.Nodes[i].Engine
		e.Swarm.NodeAddr = moved(e.Swarm.NodeAddr)
		for k, m := range e.Swarm.Managers {
			e.Swarm.Managers[k] = netip.AddrPortFrom(moved(m.Addr()), m.Port())
		}
		for k := range e.Networks {
			for p := range e.Networks[k].Peers {
				peer := &e.Networks[k].Peers[p]
				peer.IP = moved(peer.IP)
			}
		}
		secondAddress(s.Nodes[i].Kernel.Host(), moved)
	}
	for i := range s.Seen.Peers {
		p := &s.Seen.Peers[i]
		p.Target = netip.AddrPortFrom(moved(p.Target.Addr()), p.Target.Port())
	}
	return s
}

// secondAddress gives a host a second address beside its own, and ways to the
// others'.
func secondAddress(host *fact.NetNS, moved func(netip.Addr) netip.Addr) {
	for k := range host.Links {
		l := &host.Links[k]
		for _, p := range l.Addrs {
			if other := moved(p.Addr()); other != p.Addr() {
				l.Addrs = append(l.Addrs, netip.PrefixFrom(other, p.Bits()))
			}
		}
	}
	for _, l := range host.Lookups {
		if other := moved(l.Dst); other != l.Dst {
			l.Dst, l.Src = other, moved(l.Src)
			host.Lookups = append(host.Lookups, l)
		}
	}
}
