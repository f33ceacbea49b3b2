package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// outside is an address range that is in use beside the engine's networks.
type outside struct {
	Prefix netip.Prefix
	What   string
	// Vital: not a neighbourhood that may be unused, but a host that is used.
	Vital bool
	// Place: it is an address of the place that is asked about.
	Place bool
}

// host is an address in the range to ask about.
func (o *outside) host() netip.Addr {
	if o.Prefix.IsSingleIP() {
		return o.Prefix.Addr()
	}
	return o.Prefix.Addr().Next()
}

// wanted is what a subnet should be like, for the range's sake.
func (o *outside) wanted() string {
	if o.Place {
		return "one without " + strings.TrimSuffix(o.What, ",")
	}
	return "no address of " + o.What
}

// placesWithin lists the addresses of the place that is asked about, as they are
// known on a node, that a network of its engine takes for its own: packets to them
// go into that network, and nobody there has them. An overlay takes only what its
// own tasks send.
func (in *In) placesWithin(node *fact.Node, host *fact.NetNS, n *fact.EngineNetwork) []outside {
	if in.Scope.Outside == nil || n.Driver != "bridge" && n.Driver != "overlay" {
		return nil
	}
	on := func(e expect.End) bool {
		return e.Node == node.ID && e.Running && (n.Driver == "bridge" || e.Addr(n.ID).IsValid())
	}
	if !slices.ContainsFunc(in.Scope.From, on) {
		return nil
	}
	var out []outside
	for _, a := range in.placeAddrs(node) {
		reached := slices.ContainsFunc(in.leaving(), func(p fact.TCPProbe) bool {
			return p.From.Node == node.Name && p.Target.Addr() == a && (p.Outcome == fact.Open || p.Outcome == fact.Refused)
		})
		within := slices.ContainsFunc(n.Subnets, func(s fact.Subnet) bool { return s.Prefix.Contains(a) })
		if within && !reached && host.LinkWith(a) == nil && !in.holds(a) {
			out = append(out, outside{Prefix: netip.PrefixFrom(a, a.BitLen()), What: fmt.Sprintf("%s of %s, which is asked about,", a, in.Scope.Outside.Name), Vital: true, Place: true})
		}
	}
	return out
}

// placeAddrs are the addresses of the place that is asked about, as a node's tasks
// were told them.
func (in *In) placeAddrs(node *fact.Node) []netip.Addr {
	if in.Scope.Outside.Addr.IsValid() {
		return []netip.Addr{in.Scope.Outside.Addr}
	}
	var out []netip.Addr
	for _, d := range expect.OutsideQuestions(in.Snapshot, in.Scope) {
		if d.From.Node == node.Name {
			out = append(out, d.Addrs...)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// outsides lists the ranges a host has routes to that are not the engine's own,
// the nodes' own addresses, and the name servers of containers.
func (in *In) outsides(node *fact.Node, host *fact.NetNS) []outside {
	var out []outside
	add := func(p netip.Prefix, what string, vital bool) {
		if p.IsValid() && p.Bits() > 0 && !p.Addr().IsLinkLocalUnicast() && !p.Addr().IsMulticast() {
			out = append(out, outside{Prefix: p.Masked(), What: what, Vital: vital})
		}
	}
	for _, r := range host.Routes {
		if l := host.Link(r.Link); l == nil || !engineBridge(node, l) {
			add(r.Dst, fmt.Sprintf("the range %s that the host has a route to", r.Dst), false)
		}
	}
	for _, w := range in.nodeAddrs() {
		add(netip.PrefixFrom(w.Addr, w.Addr.BitLen()), fmt.Sprintf("the address %s of node %s", w.Addr, w.Name), true)
	}
	for _, ns := range node.Kernel.Namespaces {
		if ns.Resolv == nil {
			continue
		}
		for _, a := range slices.Concat(ns.Resolv.Upstream, ns.Resolv.Nameservers) {
			if !a.IsLoopback() {
				add(netip.PrefixFrom(a, a.BitLen()), fmt.Sprintf("the name server %s", a), true)
			}
		}
	}
	slices.SortFunc(out, func(a, b outside) int { return cmp.Or(a.Prefix.Compare(b.Prefix), strings.Compare(a.What, b.What)) })
	return slices.Compact(out)
}

// nodeAddrs lists the underlay addresses of all nodes, as far as they are known.
func (in *In) nodeAddrs() []expect.Peer {
	var out []expect.Peer
	if in.Wanted != nil {
		for _, n := range in.Wanted.Nodes {
			for _, a := range in.addrsOf(n.ID) {
				out = append(out, expect.Peer{ID: n.ID, Name: n.Hostname, Addr: a})
			}
		}
	}
	return out
}

// engineBridge: a link that one of the engine's own networks made, with its
// gateway's address on it.
func engineBridge(node *fact.Node, l *fact.Link) bool {
	return l.Kind == "bridge" && slices.ContainsFunc(node.Engine.Networks, func(n fact.EngineNetwork) bool {
		return n.Driver == "bridge" && (n.Name == l.Name || slices.ContainsFunc(n.Subnets, func(s fact.Subnet) bool {
			return slices.ContainsFunc(l.Addrs, func(a netip.Prefix) bool { return s.Prefix.Contains(a.Addr()) })
		}))
	})
}
