package expect

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// Place is somewhere outside the Swarm: a name that DNS knows, or an address.
type Place struct {
	// Name is as typed; Addr is not valid where that is no address.
	Name string
	Addr netip.Addr
	Port uint16
}

const (
	// OutsideSources is how many tasks try a place outside at most: it is
	// somebody else's.
	OutsideSources = 64
	// outsideAddrs is how many addresses of its name each of them tries,
	// outsideEach how many all tasks of a node do: an agent refuses more than 8.
	outsideAddrs, outsideEach = 2, 4
)

// IsOutside: a connection to a place outside the Swarm. No network is meant then,
// and no task.
func IsOutside(p *fact.TCPProbe) bool { return p.Network == "" && p.To == "" }

// outside makes a place of a TO that nobody in the Swarm is called, where it may
// be one; else the error stands.
func outside(q *fact.Question, err error) (*Place, error) {
	var e *NameError
	if !errors.As(err, &e) || !e.Outside {
		return nil, err
	}
	addr, notAddr := netip.ParseAddr(q.To)
	switch {
	case notAddr != nil && !hostname(q.To):
		return nil, err
	case q.Port == 0:
		e.Why = "is not known here; a place outside the Swarm is asked about with its port: FROM " + q.To + ":PORT"
		return nil, e
	case q.From == "":
		e.Why = "is not known here; to a place outside the Swarm, say who fails to reach it: FROM TO:PORT"
		return nil, e
	case q.Proto == "udp":
		e.Why = "is not known here, and only TCP is tried to a place outside the Swarm: nothing tells a lost datagram from one that got no answer"
		return nil, e
	}
	return &Place{Name: q.To, Addr: addr.Unmap(), Port: q.Port}, nil
}

// astray is the error about an address that nobody has within a network that FROM
// is on: what is sent there never leaves that network. nil for none.
func astray(s *fact.Snapshot, sc *Scope) error {
	if sc.Outside == nil || !sc.Outside.Addr.IsValid() {
		return nil
	}
	for _, id := range networksOf(s, sc.From, sc.FromServices) {
		n := Network(s, id)
		if n == nil {
			continue
		}
		for _, sub := range n.Subnets {
			if sub.Prefix.Contains(sc.Outside.Addr) {
				return &NameError{What: "address", Name: sc.Outside.Name, Why: fmt.Sprintf("belongs to no service, task or container that is known here, and is within %s of network %s, which FROM is on: "+
					"an address of the past, or a place outside that FROM cannot reach while that network has this subnet", sub.Prefix, n.Name)}
			}
		}
	}
	return nil
}

// OverlayWith is the overlay in one of whose subnets an address lies, as far as
// managers or engines told of it; nil for none.
func OverlayWith(s *fact.Snapshot, a netip.Addr) *fact.Network {
	has := func(n *fact.Network) bool {
		return n.Driver == "overlay" && slices.ContainsFunc(n.Subnets, func(sub fact.Subnet) bool { return sub.Prefix.Contains(a) })
	}
	if s.Wanted != nil {
		for i := range s.Wanted.Networks {
			if n := &s.Wanted.Networks[i]; has(n) {
				return n
			}
		}
	}
	for i := range s.Nodes {
		if s.Nodes[i].Engine == nil {
			continue
		}
		for k := range s.Nodes[i].Engine.Networks {
			if n := &s.Nodes[i].Engine.Networks[k].Network; has(n) {
				return n
			}
		}
	}
	return nil
}

// hostname: a name that DNS could have outside: of letters, digits, hyphens and
// dots, and the last part is no number (that would be a slot).
func hostname(name string) bool {
	if len(name) > 253 || strings.Contains(name, "..") || strings.HasPrefix(name, ".") {
		return false
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != "" && !slices.ContainsFunc(labels, func(l string) bool {
		return l == "" || len(l) > 63 || strings.Trim(strings.ToLower(l), "abcdefghijklmnopqrstuvwxyz0123456789-_") != ""
	})
}

// leave plans what is sent to a place outside: every source asks its resolver for
// the place's name, and for its own, which shows whether the resolver is alive;
// where the address is known already, it connects, and so does its host.
func leave(s *fact.Snapshot, sc *Scope) Plan {
	var p Plan
	sources := leavers(s, sc)
	few := sources
	if len(few) > OutsideSources {
		few = make([]*End, 0, OutsideSources)
		for i := range OutsideSources {
			few = append(few, sources[i*len(sources)/OutsideSources])
		}
	}
	p.Leaving = Share{len(few), len(sources)}
	for _, e := range few {
		src, _ := source(s, e)
		if AsksResolver(s, e) {
			if e.ServiceName != "" {
				p.DNS = append(p.DNS, aboutService(src, e.ServiceName)...)
			}
			if !sc.Outside.Addr.IsValid() {
				p.DNS = append(p.DNS, fact.DNSProbe{From: src, Server: resolverPort, Name: sc.Outside.Asked(), Type: "A"})
			}
		}
		if sc.Outside.Addr.IsValid() && Elsewhere(s.NodeNamed(src.Node), sc.Outside.Addr) {
			p.connect(src, netip.AddrPortFrom(sc.Outside.Addr, sc.Outside.Port))
		}
	}
	return p
}

// Asked is the name as it is asked for: without the final dot, which fact.DNSProbe
// does not have.
func (p *Place) Asked() string { return strings.TrimSuffix(p.Name, ".") }

// is reports whether a connection was to this place, as far as its address tells;
// never where there is none.
func (p *Place) is(to netip.AddrPort) bool {
	return p != nil && to.Port() == p.Port && (!p.Addr.IsValid() || to.Addr() == p.Addr)
}

// leavers are the sources that can be entered.
func leavers(s *fact.Snapshot, sc *Scope) []*End {
	var out []*End
	for i := range sc.From {
		if _, ok := source(s, &sc.From[i]); ok {
			out = append(out, &sc.From[i])
		}
	}
	return out
}

// AsksResolver: what runs there asks the engine's resolver, as far as is known. On
// the default bridge there is none, and some bring a resolv.conf of their own.
func AsksResolver(s *fact.Snapshot, e *End) bool {
	ns := Sandbox(s, e)
	return ns == nil || ns.Resolv == nil || len(ns.Resolv.Nameservers) == 0 || ns.Resolv.Nameservers[0] == ResolverAddr
}

// Elsewhere: an address that may be a place outside, seen from a node: not the task
// itself, no neighbour of no fixed address, and in no bridge of the node's engine.
// Nothing is sent to others; an agent would refuse all that is asked with it.
func Elsewhere(n *fact.Node, a netip.Addr) bool {
	if !a.IsGlobalUnicast() {
		return false
	}
	return n == nil || n.Engine == nil || !slices.ContainsFunc(n.Engine.Networks, func(e fact.EngineNetwork) bool {
		return e.Driver != "overlay" && slices.ContainsFunc(e.Subnets, func(s fact.Subnet) bool { return s.Prefix.Contains(a) })
	})
}

// connect tries a place from a task, and once from its host.
func (p *Plan) connect(src fact.Source, to netip.AddrPort) {
	p.TCP = append(p.TCP, fact.TCPProbe{From: src, Target: to})
	if !slices.ContainsFunc(p.Peers, func(o fact.PeerProbe) bool { return o.Node == src.Node && o.Target == to }) {
		p.Peers = append(p.Peers, fact.PeerProbe{Node: src.Node, What: fact.WhatOutside, Target: to})
	}
}

// named plans the connections to what the resolvers said a place's name leads to.
func named(s *fact.Snapshot, sc *Scope) Plan {
	var p Plan
	known := map[string][]netip.Addr{}
	for _, d := range OutsideQuestions(s, sc) {
		for _, a := range d.Addrs[:min(outsideAddrs, len(d.Addrs))] {
			if known[d.From.Node] = union(known[d.From.Node], []netip.Addr{a}); !slices.Contains(known[d.From.Node][:min(outsideEach, len(known[d.From.Node]))], a) ||
				!Elsewhere(s.NodeNamed(d.From.Node), a) {
				continue
			}
			p.connect(d.From, netip.AddrPortFrom(a, sc.Outside.Port))
		}
	}
	return p
}

// OutsideQuestions are those for a place's name, asked by containers of the
// engine's resolver.
func OutsideQuestions(s *fact.Snapshot, sc *Scope) []fact.DNSProbe {
	if sc.Outside == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.Seen.DNS), func(d fact.DNSProbe) bool {
		return d.Name != sc.Outside.Asked() || d.Type != "A" || d.Server != resolverPort
	})
}

// Unnamed are those of them that got no address.
func Unnamed(s *fact.Snapshot, sc *Scope) []fact.DNSProbe {
	return slices.DeleteFunc(OutsideQuestions(s, sc), func(d fact.DNSProbe) bool {
		return d.Outcome == fact.ProbeError || len(d.Addrs) > 0
	})
}
