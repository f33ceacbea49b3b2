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
}

// outsides lists the ranges a host has routes to that are not the engine's own,
// the nodes' own addresses, and the name servers of containers.
func (in *In) outsides(node *fact.Node, host *fact.NetNS) []outside {
	var out []outside
	add := func(p netip.Prefix, what string, vital bool) {
		if p.IsValid() && p.Bits() > 0 && !p.Addr().IsLinkLocalUnicast() && !p.Addr().IsMulticast() {
			out = append(out, outside{p.Masked(), what, vital})
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
