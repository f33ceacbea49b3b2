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

// place is how the report calls an address of the place outside that is asked
// about: with its name, where it has one.
func (in *In) place(a netip.AddrPort) string {
	if p := in.Scope.Outside; p != nil && !p.Addr.IsValid() {
		return fmt.Sprintf("%s (%s)", p.Name, a)
	}
	return a.String()
}

// leaving are the connections that tasks tried to the place outside, by node, task
// and address.
func (in *In) leaving() []fact.TCPProbe {
	if in.Scope.Outside == nil {
		return nil
	}
	out := slices.DeleteFunc(slices.Clone(in.Seen.TCP), func(p fact.TCPProbe) bool { return !expect.IsOutside(&p) || p.Outcome == fact.ProbeError })
	slices.SortStableFunc(out, func(a, b fact.TCPProbe) int {
		return cmp.Or(strings.Compare(a.From.Node, b.From.Node), strings.Compare(in.senderName(&a.From), in.senderName(&b.From)), a.Target.Compare(b.Target))
	})
	return out
}

// resolved is what the resolvers of one node's tasks said of the place's name.
type resolved struct {
	Node string
	Asks []fact.DNSProbe
}

// resolvedBy sorts the questions for the place's name by node.
func (in *In) resolvedBy() []resolved {
	var out []resolved
	for _, d := range expect.OutsideQuestions(in.Snapshot, in.Scope) {
		if d.Outcome == fact.ProbeError {
			in.Blind("%s: its question for %s could not be asked", in.senderName(&d.From), d.Name)
			continue
		}
		i := slices.IndexFunc(out, func(r resolved) bool { return r.Node == d.From.Node })
		if i < 0 {
			i, out = len(out), append(out, resolved{Node: d.From.Node})
		}
		out[i].Asks = append(out[i].Asks, d)
	}
	slices.SortFunc(out, func(a, b resolved) int { return strings.Compare(a.Node, b.Node) })
	for _, r := range out {
		slices.SortFunc(r.Asks, func(a, b fact.DNSProbe) int { return strings.Compare(in.senderName(&a.From), in.senderName(&b.From)) })
	}
	return out
}

// only are the questions that ended so.
func (r *resolved) only(so func(*fact.DNSProbe) bool) []fact.DNSProbe {
	return slices.DeleteFunc(slices.Clone(r.Asks), func(d fact.DNSProbe) bool { return !so(&d) })
}

// senders are the tasks that asked.
func senders(list []fact.DNSProbe) []fact.TaskID {
	var out []fact.TaskID
	for _, d := range list {
		if d.From.Task != "" && !slices.Contains(out, d.From.Task) {
			out = append(out, d.From.Task)
		}
	}
	return out
}

// senderName is how the report calls where a probe started.
func (in *In) senderName(src *fact.Source) string {
	for i := range in.Scope.From {
		if e := &in.Scope.From[i]; e.Container == src.Container && e.Container != "" {
			return e.Name
		}
	}
	return cmp.Or(string(src.Task), string(src.Container), "somebody")
}

// namedAt are questions from one node and the servers that they are passed on to, as
// evidence.
func (in *In) namedAt(node string, list []fact.DNSProbe, want string) []Evidence {
	var who []string
	for i := range list {
		if n := in.senderName(&list[i].From); !slices.Contains(who, n) {
			who = append(who, n)
		}
	}
	out := []Evidence{{fmt.Sprintf("%s: %s, asked for by %s", node, list[0].Name, listed(who)), want, resolvedTo(&list[0])}}
	if up := in.upstreamOf(&list[0].From); len(up) > 0 {
		out = append(out, Evidence{node + ": name servers that its resolver passes the question on to", "servers that know " + list[0].Name, addrList(up)})
	}
	return out
}

// otherServers records who asks other servers than the engine's resolver: what
// these say is not known.
func (in *In) otherServers() {
	for i := range in.Scope.From {
		if e := &in.Scope.From[i]; e.Running && !expect.AsksResolver(in.Snapshot, e) {
			servers := "others"
			if ns := expect.Sandbox(in.Snapshot, e); ns != nil && ns.Resolv != nil {
				servers = addrList(ns.Resolv.Nameservers)
			}
			in.Blind("%s on %s asks %s and not the engine's resolver: what they say of %s is not known", e.Name, e.NodeName, servers, in.Scope.Outside.Name)
		}
	}
}

// ledInside records that the name leads to somebody inside the Swarm, or nowhere.
func (in *In) ledInside() {
	for _, d := range expect.OutsideQuestions(in.Snapshot, in.Scope) {
		if i := slices.IndexFunc(d.Addrs, func(a netip.Addr) bool { return !a.IsGlobalUnicast() }); i >= 0 {
			in.Blind("%s is %s, says the resolver of %s on %s: no place outside, so nothing was sent there", d.Name, d.Addrs[i], in.senderName(&d.From), d.From.Node)
		}
		i := slices.IndexFunc(d.Addrs, func(a netip.Addr) bool { return expect.OverlayWith(in.Snapshot, a) != nil && in.holds(a) })
		if i >= 0 {
			in.Blind("%s is %s on network %s: no place outside; ask for the service by its name", d.Name, d.Addrs[i], expect.OverlayWith(in.Snapshot, d.Addrs[i]).Name)
		}
	}
}

// resolvedTo is what came back to a question for a name.
func resolvedTo(d *fact.DNSProbe) string {
	switch {
	case d.Outcome != fact.Open:
		return "no answer (" + string(d.Outcome) + ")"
	case len(d.Addrs) > 0:
		return addrList(slices.SortedFunc(slices.Values(d.Addrs), netip.Addr.Compare))
	case d.RCode == "NOERROR":
		return "NOERROR, and no address"
	}
	return d.RCode
}

// upstreamOf are the servers to which the resolver of a probe's source passes on
// what it does not know; nil where nobody knows.
func (in *In) upstreamOf(src *fact.Source) []netip.Addr {
	if ns := in.sourceSpace(src); ns != nil && ns.Resolv != nil {
		return ns.Resolv.Upstream
	}
	return nil
}

// sourceSpace is the namespace where a probe started, nil where it was not seen.
func (in *In) sourceSpace(src *fact.Source) *fact.NetNS {
	n := in.NodeNamed(src.Node)
	if n == nil || n.Kernel == nil || src.Container == "" {
		return nil
	}
	return n.Kernel.Sandbox(src.Container)
}

// askingService is the subject of a finding about the place that is the same from every
// node: the asking service. ok is false where there is none.
func (in *In) askingService() (s Subject, ok bool) {
	if len(in.Scope.FromServices) == 1 {
		if svc := in.Wanted.Service(in.Scope.FromServices[0]); svc != nil {
			return ServiceSubject(svc), true
		}
	}
	return s, false
}

// holds reports whether somebody in the Swarm, or on one of its engines, is known to
// have an address: then it is no place outside.
func (in *In) holds(a netip.Addr) bool {
	if in.Wanted != nil {
		for i := range in.Wanted.Services {
			if slices.ContainsFunc(in.Wanted.Services[i].VIPs, func(v fact.VIP) bool { return v.Addr.Addr() == a }) {
				return true
			}
		}
		for i := range in.Wanted.Tasks {
			if slices.ContainsFunc(in.Wanted.Tasks[i].Addresses, func(t fact.TaskAddress) bool { return t.Addr.Addr() == a }) {
				return true
			}
		}
	}
	return slices.ContainsFunc(in.Nodes, func(n fact.Node) bool { return n.Engine != nil && believes(n.Engine, a) })
}

// believes: the engine tells that somebody has the address.
func believes(e *fact.Engine, a netip.Addr) bool {
	for i := range e.Networks {
		n := &e.Networks[i]
		if slices.ContainsFunc(n.Endpoints, func(p fact.Endpoint) bool { return p.Addr.Addr() == a }) ||
			slices.ContainsFunc(n.Subnets, func(s fact.Subnet) bool { return s.Gateway == a }) ||
			slices.ContainsFunc(n.Services, func(b fact.BelievedService) bool {
				return b.VIP == a || slices.ContainsFunc(b.Tasks, func(t fact.BelievedTask) bool { return t.IP == a })
			}) {
			return true
		}
	}
	return slices.ContainsFunc(e.Containers, func(c fact.Container) bool {
		return slices.ContainsFunc(c.Endpoints, func(p fact.ContainerEndpoint) bool { return p.Addr.Addr() == a })
	})
}

// hostsOwn is what a task's host got from the same place; nil where it did not ask.
func (in *In) hostsOwn(p *fact.TCPProbe) *fact.PeerProbe {
	i := slices.IndexFunc(in.Seen.Peers, func(o fact.PeerProbe) bool {
		return o.What == fact.WhatOutside && o.Node == p.From.Node && o.Target == p.Target
	})
	if i < 0 {
		return nil
	}
	return &in.Seen.Peers[i]
}

// letIn says which other nodes the places of a finding do let in, and which other
// addresses of the same name answer its node; empty for none.
func (in *In) letIn(f *Finding, tried []fact.TCPProbe) string {
	var open, others []string
	for _, p := range tried {
		here, mine := p.From.Node == f.Node, slices.Contains(f.Places, p.Target)
		switch {
		case p.Outcome != fact.Open:
		case mine && !here && !slices.Contains(open, p.From.Node):
			open = append(open, p.From.Node)
		case here && !mine && !slices.Contains(others, p.Target.String()):
			others = append(others, p.Target.String())
		}
	}
	slices.Sort(open)
	slices.Sort(others)
	var out string
	if len(open) > 0 {
		out = fmt.Sprintf("; it lets %s in, so perhaps a firewall there knows the addresses of some nodes only", listed(open))
	}
	if len(others) > 0 {
		out += fmt.Sprintf("; %s answers %s", listed(others), f.Node)
	}
	return out
}

// endOf is how a connection ended, with the kernel's word and who sent it back.
func endOf(o fact.Outcome, err string, icmp *fact.ICMPError) string {
	out := string(o)
	if err != "" {
		out += ": " + err
	}
	if icmp != nil {
		out += " (told by " + icmp.From.String() + ")"
	}
	return out
}

// letOut is the command that accepts what a rule stops, for one place alone.
func letOut(ns *fact.NetNS, by *expect.Step, to netip.AddrPort) string {
	if !xtables(by) || by.Family != "ip" {
		family := "ip"
		if to.Addr().Is6() {
			family = "ip6"
		}
		return fmt.Sprintf("nft insert rule %s %s %s %s daddr %s tcp dport %d accept", by.Family, quoted(by.Table), quoted(by.Chain), family, to.Addr(), to.Port())
	}
	return fmt.Sprintf("%s -t %s -I %s -d %s -p tcp --dport %d -j ACCEPT", iptablesOf(ns, by.Backend), by.Table, quoted(by.Chain), to.Addr(), to.Port())
}

// ownWall is the rule of a node that stops what the node itself sends to a place;
// empty where none does, as far as its rules were read.
func (in *In) ownWall(p *fact.TCPProbe) string {
	n := in.NodeNamed(p.From.Node)
	if n == nil || n.Kernel == nil {
		return ""
	}
	w, ok := expect.DepartHost(in.Snapshot, n, p.Target)
	if !ok || !w.Stopped() || w.By == nil {
		return ""
	}
	return w.By.String()
}

// toldNotTried records who was told where the place is and did not try it.
func (in *In) toldNotTried(tried []fact.TCPProbe) {
	for _, d := range expect.OutsideQuestions(in.Snapshot, in.Scope) {
		if len(d.Addrs) > 0 && !slices.ContainsFunc(tried, func(p fact.TCPProbe) bool { return p.From == d.From }) {
			in.Blind("%s on %s was told %s for %s and tried none of them", in.senderName(&d.From), d.From.Node, addrList(d.Addrs), d.Name)
		}
	}
	for i := range in.Scope.From {
		e := &in.Scope.From[i]
		if a := in.Scope.Outside.Addr; a.IsValid() && e.Running && !expect.Elsewhere(in.NodeNamed(e.NodeName), a) {
			in.Blind("%s on %s: %s is in a network of that node's own engine, so nothing was sent there", e.Name, e.NodeName, a)
		}
	}
}
