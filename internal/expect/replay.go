package expect

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/fact"
)

// AskAnew asks another question of a snapshot that was taken for its own: probes
// that do not belong to the new one are left out, and those it would have needed
// and that nobody sent are gaps. It changes the snapshot.
func AskAnew(s *fact.Snapshot, q fact.Question) {
	s.Question = q
	sc, err := Resolve(s)
	if err != nil {
		return // whoever asks is told so
	}
	trial := *s
	trial.Seen = fact.Seen{}
	plan := First(&trial, &sc)
	if q.Published != 0 {
		plan.Published = Mesh(&trial, &sc)
	}
	belonging(s, &sc, &plan)
	unasked(s, &plan)
}

// belonging keeps the probes that the question is about.
func belonging(s *fact.Snapshot, sc *Scope, plan *Plan) {
	if s.Question.All && len(s.Question.Services) == 0 {
		s.Seen.TCP = slices.DeleteFunc(s.Seen.TCP, func(p fact.TCPProbe) bool { return IsOutside(&p) })
		s.Seen.Peers = slices.DeleteFunc(s.Seen.Peers, func(p fact.PeerProbe) bool { return p.What == fact.WhatOutside })
		return
	}
	from := func(src fact.Source) bool {
		return slices.ContainsFunc(sc.From, func(e End) bool {
			return src.Task != "" && e.Task == src.Task || src.Task == "" && src.Container != "" && e.Container == src.Container
		})
	}
	to := func(task fact.TaskID) bool {
		return task == "" || slices.ContainsFunc(sc.To, func(e End) bool { return e.Task == task })
	}
	network := func(id fact.NetworkID) bool { return id == "" || slices.Contains(sc.Overlays(), id) }
	mesh := func(p fact.PublishedProbe) bool {
		return slices.ContainsFunc(sc.Mesh, func(m Published) bool { return m.Service == p.Service && m.Port.Published == p.Published })
	}
	port := func(n uint16) bool { return !sc.PortGiven || slices.Contains(sc.Ports, n) }
	name := func(p fact.DNSProbe) bool {
		return p.Type == "PTR" || slices.ContainsFunc(plan.DNS, func(o fact.DNSProbe) bool { return o.Name == p.Name })
	}
	// An address is that of a name where a resolver said so; another name's may have the same port.
	told := OutsideQuestions(s, sc)
	place := func(to netip.AddrPort) bool {
		return sc.Outside.is(to) && (sc.Outside.Addr.IsValid() || slices.ContainsFunc(told, func(d fact.DNSProbe) bool { return slices.Contains(d.Addrs, to.Addr()) }))
	}
	seen := &s.Seen
	seen.TCP = slices.DeleteFunc(seen.TCP, func(p fact.TCPProbe) bool {
		return !from(p.From) || !to(p.To) || !network(p.Network) || !port(p.Target.Port()) || IsOutside(&p) != place(p.Target)
	})
	seen.Peers = slices.DeleteFunc(seen.Peers, func(p fact.PeerProbe) bool { return p.What == fact.WhatOutside && !place(p.Target) })
	seen.DNS = slices.DeleteFunc(seen.DNS, func(p fact.DNSProbe) bool { return !from(p.From) || !name(p) })
	seen.MTU = slices.DeleteFunc(seen.MTU, func(p fact.MTUProbe) bool {
		return !network(p.Network) || (p.From.Task != "" && !from(p.From) || !to(p.To)) && !between(s, sc, &p)
	})
	seen.Published = slices.DeleteFunc(seen.Published, func(p fact.PublishedProbe) bool { return !mesh(p) && !from(p.From) })
}

// between: a ladder of other tasks on the very way from one node to another that
// the question is about. One is climbed for each network and pair of nodes.
func between(s *fact.Snapshot, sc *Scope, p *fact.MTUProbe) bool {
	t := s.Wanted.Task(p.To)
	return t != nil && slices.ContainsFunc(sc.From, func(e End) bool { return e.NodeName == p.From.Node }) &&
		slices.ContainsFunc(sc.To, func(e End) bool { return e.Node == t.Node })
}

// unasked notes the probes that the question needs and the snapshot has not.
func unasked(s *fact.Snapshot, plan *Plan) {
	missing := map[string]map[fact.Kind]int{}
	note := func(node string, k fact.Kind) {
		if missing[node] == nil {
			missing[node] = map[fact.Kind]int{}
		}
		missing[node][k]++
	}
	for _, p := range plan.TCP {
		if !slices.ContainsFunc(s.Seen.TCP, func(o fact.TCPProbe) bool { return o.From == p.From && o.Target == p.Target }) {
			note(p.From.Node, fact.KindTCP)
		}
	}
	for _, p := range plan.DNS {
		if !slices.ContainsFunc(s.Seen.DNS, func(o fact.DNSProbe) bool { return o.From == p.From && o.Name == p.Name && o.Type == p.Type }) {
			note(p.From.Node, fact.KindDNS)
		}
	}
	for _, p := range plan.Published {
		if !slices.ContainsFunc(s.Seen.Published, func(o fact.PublishedProbe) bool {
			return o.From == p.From && o.Target == p.Target && o.Stage == p.Stage
		}) {
			note(p.From.Node, fact.KindHTTP)
		}
	}
	for _, n := range s.Nodes {
		for _, k := range fact.Kinds() {
			if count := missing[n.Name][k]; count > 0 {
				s.Gaps = append(s.Gaps, fact.Gap{Node: n.Name, Kind: k, Class: fact.ClassUnseen,
					Reason: fmt.Sprintf("the case was taken for another question: %d %s that this one needs were not sent from %s", count, k, n.Name),
					Do:     "ask the case without arguments, or the Swarm itself"})
			}
		}
	}
}
