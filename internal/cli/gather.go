package cli

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// partOf is what one node is to send.
func partOf(p *expect.Plan, node string) fact.Seen {
	var out fact.Seen
	for _, x := range p.TCP {
		if x.From.Node == node {
			out.TCP = append(out.TCP, x)
		}
	}
	for _, x := range p.DNS {
		if x.From.Node == node {
			out.DNS = append(out.DNS, x)
		}
	}
	for _, x := range p.MTU {
		if x.From.Node == node {
			out.MTU = append(out.MTU, x)
		}
	}
	for _, x := range p.Peers {
		if x.Node == node {
			out.Peers = append(out.Peers, x)
		}
	}
	for _, x := range p.Published {
		if x.From.Node == node {
			out.Published = append(out.Published, x)
		}
	}
	return out
}

func spaces(k *fact.Kernel) []fleet.Space {
	var out []fleet.Space
	for _, ns := range k.Namespaces {
		out = append(out, fleet.Space{Name: ns.Name, Inode: ns.Inode, Role: ns.Role, Rules: ns.Netfilter != nil, IPVS: ns.IPVS != nil})
	}
	return out
}

func noProbes(node string, err error) []fact.Gap {
	var out []fact.Gap
	for _, k := range []fact.Kind{fact.KindTCP, fact.KindDNS, fact.KindMTU, fact.KindUnderlay, fact.KindHTTP} {
		out = append(out, fact.Gap{Node: node, Kind: k, Class: fact.ClassGarbled, Reason: plainly(err)})
	}
	return out
}

// gather adds a node's results; what it says of other nodes does not count.
func gather(s *fact.Snapshot, node string, a *fleet.ProbeAnswer) {
	for _, p := range a.Seen.TCP {
		p.From.Node = node
		s.Seen.TCP = append(s.Seen.TCP, p)
	}
	for _, p := range a.Seen.DNS {
		p.From.Node = node
		s.Seen.DNS = append(s.Seen.DNS, p)
	}
	for _, p := range a.Seen.MTU {
		p.From.Node = node
		s.Seen.MTU = append(s.Seen.MTU, p)
	}
	for _, p := range a.Seen.Peers {
		p.Node = node
		s.Seen.Peers = append(s.Seen.Peers, p)
	}
	for _, p := range a.Seen.Published {
		p.From.Node = node
		s.Seen.Published = append(s.Seen.Published, p)
	}
	s.Seen.Made += a.Seen.Made
	for _, g := range a.Gaps {
		g.Node = node
		s.Gaps = append(s.Gaps, g)
	}
}

// sortSeen puts results of nodes that answered in any order into one order.
func sortSeen(seen *fact.Seen) {
	from := func(a, b fact.Source) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), strings.Compare(string(a.Task), string(b.Task)))
	}
	slices.SortStableFunc(seen.TCP, func(a, b fact.TCPProbe) int { return cmp.Or(from(a.From, b.From), a.Target.Compare(b.Target)) })
	slices.SortStableFunc(seen.DNS, func(a, b fact.DNSProbe) int { return from(a.From, b.From) })
	slices.SortStableFunc(seen.MTU, func(a, b fact.MTUProbe) int {
		return cmp.Or(from(a.From, b.From), netip.Addr.Compare(a.Target, b.Target))
	})
	slices.SortStableFunc(seen.Published, func(a, b fact.PublishedProbe) int {
		return cmp.Or(strings.Compare(string(a.Node), string(b.Node)), from(a.From, b.From), a.Target.Compare(b.Target))
	})
	slices.SortStableFunc(seen.Peers, func(a, b fact.PeerProbe) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), a.Target.Compare(b.Target))
	})
}
