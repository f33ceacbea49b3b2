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
				names, _ := SearchNames(s, sc, src)
				for _, name := range append([]string{sc.Outside.Asked()}, names...) {
					p.DNS = append(p.DNS, fact.DNSProbe{From: src, Server: resolverPort, Name: name, Type: "A"})
				}
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

// searches is how many search domains are tried for a name.
const searches = 3

// SearchNames are the names under which programs in a source's container also look
// for the place: resolv.conf's search domains behind it, which follow where the name
// itself is not known (resolv.conf(5); the engine sets ndots:0). all is false where
// there are more. A name of several parts with a final dot is looked for as it is; a
// single one may have its dot from us, for it stood in a URL.
func SearchNames(s *fact.Snapshot, sc *Scope, src fact.Source) (names []string, all bool) {
	n, asked := s.NodeNamed(src.Node), sc.Outside.Asked()
	if n == nil || n.Kernel == nil || strings.HasSuffix(sc.Outside.Name, ".") && strings.Contains(asked, ".") {
		return nil, true
	}
	ns := n.Kernel.Named(src.NetNS)
	if ns == nil || ns.Resolv == nil {
		return nil, true
	}
	for i, domain := range ns.Resolv.Search {
		if i == searches {
			return names, false
		}
		if full := asked + "." + strings.TrimSuffix(domain, "."); hostname(full) {
			names = append(names, full)
		}
	}
	return names, true
}

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
	if ns := Sandbox(s, e); ns != nil && ns.Resolv != nil && len(ns.Resolv.Nameservers) > 0 {
		return ns.Resolv.Nameservers[0] == ResolverAddr
	}
	return len(e.Addresses) == 0 || slices.ContainsFunc(e.Addresses, func(a fact.TaskAddress) bool {
		n := Network(s, a.Network)
		return n == nil || n.Name != "bridge" || n.Driver != "bridge"
	})
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
		// Servers turn the list over: in order, all tasks try the same ones, in both looks.
		for _, a := range slices.SortedFunc(slices.Values(d.Addrs), netip.Addr.Compare)[:min(outsideAddrs, len(d.Addrs))] {
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
// engine's resolver: one each, under a search domain where that alone has an address.
func OutsideQuestions(s *fact.Snapshot, sc *Scope) []fact.DNSProbe {
	if sc.Outside == nil {
		return nil
	}
	var out []fact.DNSProbe
	for _, d := range s.Seen.DNS {
		if d.Name != sc.Outside.Asked() || d.Type != "A" || d.Server != resolverPort {
			continue
		}
		names, _ := SearchNames(s, sc, d.From)
		for i := 0; i < len(names) && len(d.Addrs) == 0; i++ {
			if o := lookedUp(s, d.From, names[i]); o != nil && len(o.Addrs) > 0 {
				d = *o
			}
		}
		out = append(out, d)
	}
	return out
}

// lookedUp is the question of a source to its resolver for a name's addresses, nil
// where it was not asked.
func lookedUp(s *fact.Snapshot, from fact.Source, name string) *fact.DNSProbe {
	i := slices.IndexFunc(s.Seen.DNS, func(d fact.DNSProbe) bool {
		return d.From == from && d.Name == name && d.Type == "A" && d.Server == resolverPort
	})
	if i < 0 {
		return nil
	}
	return &s.Seen.DNS[i]
}

// Searched reports whether a place's name that is not known was also looked for under
// all search domains, with an answer each.
func Searched(s *fact.Snapshot, sc *Scope, from fact.Source) bool {
	names, all := SearchNames(s, sc, from)
	return all && !slices.ContainsFunc(names, func(name string) bool {
		d := lookedUp(s, from, name)
		return d == nil || d.Outcome != fact.Open
	})
}

// Unnamed are those of them that got no address.
func Unnamed(s *fact.Snapshot, sc *Scope) []fact.DNSProbe {
	return slices.DeleteFunc(OutsideQuestions(s, sc), func(d fact.DNSProbe) bool {
		return d.Outcome == fact.ProbeError || len(d.Addrs) > 0
	})
}
