package fleet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// Ports of Swarm itself: its managers' API, and NetworkDB's memberlist.
const (
	managerPort = 2377
	gossipPort  = 7946
)

// maxPerPair is how many connections one request may open between one source
// and one target.
const maxPerPair = 10

// Allow refuses probes that no diagnosis of a Swarm needs, so that whoever
// holds an operator's key still cannot make an agent a scanner of other
// people's networks or a sender of frames of his own:
//
//   - from a container: TCP and echoes to addresses within the overlays that the
//     node's engine knows, questions of type A and PTR to the embedded resolver;
//   - from the host: TCP to ports 7946 and 2377, echoes, and datagrams of ours
//     to the data path port or one beside it, with a VNI that no network of the
//     engine has;
//   - to a place outside the Swarm, from a container and from the host: TCP to at
//     most 8 addresses and ports in a request, and 32 in an hour (Places);
//   - for published ports what allowance.published allows: HTTP only to nodes of
//     this Swarm and to a task from inside itself;
//   - never to other loopback, link-local, multicast or broadcast addresses.
//
// How many, how fast and how long is held by Limits and by package probe.
func Allow(e *fact.Engine, r *ProbeRequest) error {
	if e == nil {
		return fmt.Errorf("probe: the engine of this node has not answered yet, so nothing is allowed")
	}
	if r.Limit < 0 || r.Limit > maxPerPair {
		return fmt.Errorf("probe: %d connections for a pair asked for, %d are allowed", r.Limit, maxPerPair)
	}
	a := allowance{e, r.Spaces}
	q := &r.Probes
	if n := len(a.places(q)); n > placesAtOnce {
		return fmt.Errorf("probe: %d places outside the Swarm in one request, %d are allowed", n, placesAtOnce)
	}
	return firstOf(
		each("tcp", q.TCP, func(p *fact.TCPProbe) bool {
			return p.Target.Port() != 0 && !a.below(p.From) && (a.overlay(p.Target.Addr()) || a.place(p.Target) && a.container(p.From) != nil)
		}),
		each("dns", q.DNS, a.question),
		each("mtu", q.MTU, func(p *fact.MTUProbe) bool {
			return !a.below(p.From) && (a.overlay(p.Target) || a.fromHost(p.From) && underlay(p.Target))
		}),
		each("peer", q.Peers, func(p *fact.PeerProbe) bool {
			port := p.Target.Port()
			return underlay(p.Target.Addr()) && (port == gossipPort || port == managerPort || p.What == fact.WhatOutside && a.place(p.Target))
		}),
		each("published port", q.Published, a.published),
		each("data path", q.DataPath, a.dataPath))
}

func each[T any](what string, list []T, ok func(*T) bool) error {
	for i := range list {
		if !ok(&list[i]) {
			return fmt.Errorf("probe: %s probe %d asks for something that an agent does not do: see docs/security.md", what, i+1)
		}
	}
	return nil
}

// allowance is what one node's engine and one request allow.
type allowance struct {
	engine *fact.Engine
	spaces []Space
}

// overlay: within a subnet of an overlay that the engine knows.
func (a allowance) overlay(ip netip.Addr) bool {
	return slices.ContainsFunc(a.engine.Networks, func(n fact.EngineNetwork) bool {
		return n.Driver == "overlay" && slices.ContainsFunc(n.Subnets, func(s fact.Subnet) bool { return s.Prefix.Contains(ip) })
	})
}

// fromHost: a source without a namespace means the host's own.
func (a allowance) fromHost(s fact.Source) bool {
	return s.NetNS == "" || slices.ContainsFunc(a.spaces, func(n Space) bool { return n.Name == s.NetNS && n.Role == fact.RoleHost })
}

// below: a namespace of an overlay itself, whose handle is named NUMBER-NETWORK
// (overlay driver, all versions). Packets from there would be nobody's; nothing
// is sent from one.
func (a allowance) below(s fact.Source) bool {
	_, id, ok := strings.Cut(s.NetNS, "-")
	return ok && id != "" && slices.ContainsFunc(a.engine.Networks, func(n fact.EngineNetwork) bool {
		return n.Driver == "overlay" && strings.HasPrefix(string(n.ID), id)
	})
}

// question: to the embedded resolver of a container, at its address or at the
// port behind it, about a name that DNS could have.
func (a allowance) question(p *fact.DNSProbe) bool {
	return p.Server.Addr() == netip.AddrFrom4([4]byte{127, 0, 0, 11}) && (p.Type == "A" || p.Type == "PTR") && len(p.Name) <= 253 && !a.fromHost(p.From)
}

// dataPath: to the port of VXLAN or one beside it, as far as this engine knows
// it (workers are not told; then to what a Swarm may choose: 1024 to 49151), and
// with a VNI that is not one of its networks'.
func (a allowance) dataPath(p *fact.DataPathProbe) bool {
	port := p.Target.Port()
	if known := a.engine.Swarm.DataPathPort; known != 0 && port != known && port != known+1 && port != known-1 {
		return false
	}
	return underlay(p.Target.Addr()) && port >= 1024 && port <= 49151 && port != gossipPort && port != managerPort &&
		p.VNI > 0 && p.VNI < 1<<24 &&
		!slices.ContainsFunc(a.engine.Networks, func(n fact.EngineNetwork) bool { return slices.Contains(n.VNIs, p.VNI) })
}

// underlay: an address that a host of a Swarm may have.
func underlay(ip netip.Addr) bool {
	return ip.IsValid() && !ip.Is4In6() && (ip.IsGlobalUnicast() || ip.IsPrivate()) && ip.Zone() == ""
}

// checkSpaces refuses names that are not plain names of handles: a path could
// lead out of the engine's folder.
func checkSpaces(spaces []Space) error {
	if len(spaces) > maxSpaces {
		return fmt.Errorf("%d namespaces in one request, %d are allowed", len(spaces), maxSpaces)
	}
	for _, s := range spaces {
		if s.Name == "" || s.Name == "." || s.Name == ".." || len(s.Name) > 255 || strings.ContainsAny(s.Name, "/\x00") {
			return fmt.Errorf("%.64q is no name of a namespace", s.Name)
		}
	}
	return nil
}
