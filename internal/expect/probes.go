package expect

import (
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// Plan is which probes to run: results of fact.Seen with only their questions
// filled in. Every TCP target appears at most once per source and round.
type Plan struct {
	TCP   []fact.TCPProbe
	DNS   []fact.DNSProbe
	MTU   []fact.MTUProbe
	Peers []fact.PeerProbe
	// Published are requests to published ports and virtual IPs.
	Published []fact.PublishedProbe
	// Each is how many of Of targets every source connects to; 0: all of them.
	Each, Of int
	// Crowded: it was not MaxTCP but the neighbour table of some host that left
	// pairs out.
	Crowded bool
	// Pairs of tasks that are tried, and Names that are asked for, of a whole
	// Swarm.
	Pairs, Names Share
	// Hosts are how many of the other nodes each node connects to.
	Hosts Share
	// Requests are how many requests to published ports are made, of a whole Swarm.
	Requests Share
	// Leaving are the tasks that try a place outside the Swarm.
	Leaving Share
}

// Share is how many there are of so many.
type Share struct{ N, Of int }

// MaxTCP bounds the connections one round may ask for.
const MaxTCP = 4096

// resolverPort is the embedded resolver as containers see it.
var resolverPort = netip.AddrPortFrom(ResolverAddr, 53)

// First plans the first round, runbook U1 to U3: every source task that was
// seen asks its resolver for the targets and connects to every running target
// on every shared network; the largest packet goes to one target on every
// other node; every other node on the path is asked for its gossip port. Where
// that is more than MaxTCP connections, or than a host has room for, every
// source asks an equal share of the targets, each beginning at another one, and
// Plan.Each says how many.
func First(s *fact.Snapshot, sc *Scope) Plan {
	if s.Question.All {
		return everyone(s, sc)
	}
	if sc.Outside != nil {
		p := leave(s, sc)
		p.Published, p.Requests = meshPlan(s, sc)
		return p
	}
	p := planner{s: s, sc: sc, ladder: map[ladderKey]bool{}}
	var sources []*End
	for i := range sc.From {
		if _, ok := source(s, &sc.From[i]); ok {
			sources = append(sources, &sc.From[i])
		}
	}
	targets := slices.DeleteFunc(slices.Clone(sc.To), func(e End) bool { return !e.Running })
	each := len(targets)
	if cost := len(sources) * max(1, len(sc.Ports)) * max(1, len(sc.Networks)); cost > 0 && each > MaxTCP/cost {
		each = max(1, MaxTCP/cost)
	}
	if few := fitting(s, sources, targets, len(sc.Networks), each); few < each {
		each, p.plan.Crowded = few, true
	}
	if each < len(targets) {
		p.plan.Each, p.plan.Of = each, len(targets)
	}
	for i, from := range sources {
		p.from(from, inTurn(targets, i*each)[:each])
	}
	p.plan.Peers, p.plan.Hosts = peers(s, sc)
	p.plan.Published, p.plan.Requests = meshPlan(s, sc)
	return p.plan
}

// inTurn is the list beginning at another place.
func inTurn[T any](list []T, at int) []T {
	if len(list) == 0 {
		return nil
	}
	at %= len(list)
	return slices.Concat(list[at:], list[:at])
}

// planner makes the first round's plan.
type planner struct {
	s      *fact.Snapshot
	sc     *Scope
	plan   Plan
	ladder map[ladderKey]bool
}

func (p *planner) from(from *End, targets []End) {
	src, _ := source(p.s, from)
	p.plan.DNS = append(p.plan.DNS, questions(src, p.sc)...)
	for i := range targets {
		to := &targets[i]
		if to.Task == from.Task && to.Container == from.Container {
			continue
		}
		for _, net := range p.sc.Networks {
			if to.Addr(net).IsValid() {
				p.pair(src, from, to, net)
			}
		}
	}
}

func (p *planner) pair(src fact.Source, from, to *End, net fact.NetworkID) {
	addr := to.Addr(net)
	p.plan.TCP = append(p.plan.TCP, connects(p.s, src, to, net, addr, p.sc)...)
	if k := (ladderKey{src.Node, net, to.Node}); to.Node != from.Node && !p.ladder[k] {
		p.ladder[k] = true
		p.plan.MTU = append(p.plan.MTU, fact.MTUProbe{From: src, To: to.Task, Network: net, Target: addr, MTU: linkMTU(p.s, from, net)})
	}
}

// linkMTU is the MTU of an end's interface on a network, where a ladder starts;
// what the engine should have given it when the link was not read.
func linkMTU(s *fact.Snapshot, e *End, net fact.NetworkID) int {
	if ns := Sandbox(s, e); ns != nil {
		if l := ns.LinkWith(e.Addr(net)); l != nil {
			return l.MTU
		}
	}
	if n := Network(s, net); n != nil {
		return OverlayMTU(n)
	}
	return 1500 - VXLANOverhead
}

type ladderKey struct {
	node string
	net  fact.NetworkID
	peer fact.NodeID
}

// source says where a probe from this end starts; false where its namespace
// was not seen.
func source(s *fact.Snapshot, e *End) (fact.Source, bool) {
	ns := Sandbox(s, e)
	if ns == nil || !e.Running || ns.Role == fact.RoleHost {
		return fact.Source{}, false
	}
	return fact.Source{Node: e.NodeName, Container: e.Container, Task: e.Task, NetNS: ns.Name}, true
}

func questions(src fact.Source, sc *Scope) []fact.DNSProbe {
	var out []fact.DNSProbe
	for _, name := range serviceNames(sc) {
		out = append(out, aboutService(src, name)...)
	}
	for _, e := range sc.To {
		if e.ServiceName == "" && e.Name != "" {
			out = append(out, fact.DNSProbe{From: src, Server: resolverPort, Name: e.Name, Type: "A"})
		}
	}
	return out
}

func aboutService(src fact.Source, name string) []fact.DNSProbe {
	return []fact.DNSProbe{{From: src, Server: resolverPort, Name: "tasks." + name, Type: "A"}, {From: src, Server: resolverPort, Name: name, Type: "A"}}
}

func serviceNames(sc *Scope) []string {
	var out []string
	for _, e := range sc.To {
		if e.ServiceName != "" && !slices.Contains(out, e.ServiceName) {
			out = append(out, e.ServiceName)
		}
	}
	return out
}

func connects(s *fact.Snapshot, src fact.Source, to *End, net fact.NetworkID, addr netip.Addr, sc *Scope) []fact.TCPProbe {
	if sc.Proto != "tcp" {
		return nil
	}
	var out []fact.TCPProbe
	for _, port := range PortsOf(s, sc, to) {
		out = append(out, fact.TCPProbe{From: src, To: to.Task, Network: net, Target: netip.AddrPortFrom(addr, port)})
	}
	return out
}

// peers asks, from every node that was seen, the other nodes the question needs.
func peers(s *fact.Snapshot, sc *Scope) (out []fact.PeerProbe, asked Share) {
	for i := range s.Nodes {
		node := &s.Nodes[i]
		if node.Kernel == nil || node.ID == "" {
			continue
		}
		all := Peers(s, sc, node)
		some := neighbours(node, all)
		if len(all) > asked.Of {
			asked = Share{len(some), len(all)}
		}
		for _, p := range some {
			if !p.Control.IsValid() {
				continue
			}
			out = append(out, fact.PeerProbe{Node: node.Name, Peer: p.ID, What: "gossip", Target: netip.AddrPortFrom(p.Control, GossipPort)})
			if isManager(s, node.Engine, &p) {
				out = append(out, fact.PeerProbe{Node: node.Name, Peer: p.ID, What: "manager", Target: netip.AddrPortFrom(p.Control, ManagerPort)})
			}
		}
	}
	return out, asked
}

// PeersEach is how many peers one node asks at most. In a larger Swarm every
// node asks so many that follow it by name, so that every node is source and
// target of as many.
const PeersEach = 12

// neighbours picks the peers that follow a node by name, round the end.
func neighbours(node *fact.Node, all []Peer) []Peer {
	if len(all) <= PeersEach {
		return all
	}
	i, _ := slices.BinarySearchFunc(all, node.Name, func(p Peer, name string) int { return strings.Compare(p.Name, name) })
	return slices.Concat(all[i:], all[:i])[:PeersEach]
}

func isManager(s *fact.Snapshot, e *fact.Engine, p *Peer) bool {
	if n := s.Wanted.Node(p.ID); n != nil {
		return n.Role == "manager"
	}
	return e != nil && slices.ContainsFunc(e.Swarm.Managers, func(m netip.AddrPort) bool { return m.Addr() == p.Control })
}

// PathNodes lists the nodes that hold an end of the question, in the order of
// the ends, and those it is about anyway.
func PathNodes(sc *Scope) []fact.NodeID {
	var out []fact.NodeID
	for _, ends := range [][]End{sc.From, sc.To} {
		for _, e := range ends {
			if e.Node != "" && !slices.Contains(out, e.Node) {
				out = append(out, e.Node)
			}
		}
	}
	for _, id := range sc.Nodes {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// FollowUp plans the second round from what the first one got: addresses that
// DNS gave and the managers did not are connected to (U2), failed addresses
// are looked up in reverse (U5), and a resolver that did not answer behind its
// address 127.0.0.11:53 is asked on the port it really listens on.
func FollowUp(s *fact.Snapshot, sc *Scope) Plan {
	var p Plan
	if sc.Outside != nil && !sc.Outside.Addr.IsValid() {
		p = named(s, sc)
	}
	for _, d := range s.Seen.DNS {
		if d.Outcome != fact.Open {
			p.DNS = append(p.DNS, direct(s, d)...)
			continue
		}
		if d.Type == "A" && len(d.Name) > 6 && d.Name[:6] == "tasks." {
			p.TCP = append(p.TCP, extra(s, sc, d)...)
		}
	}
	p.DNS = append(p.DNS, reverse(s.Seen.TCP, p.TCP)...)
	p.Published = MeshStages(s, sc)
	return p
}

// reverse looks up the addresses of failed connections, and those that nobody
// should have, once from each namespace.
func reverse(tried, planned []fact.TCPProbe) []fact.DNSProbe {
	var out []fact.DNSProbe
	type key struct {
		ns   string
		addr netip.Addr
	}
	done := map[key]bool{}
	for _, t := range slices.Concat(tried, planned) {
		k := key{t.From.Node + "/" + t.From.NetNS, t.Target.Addr()}
		if t.Outcome == fact.Open || done[k] || IsOutside(&t) {
			continue
		}
		done[k] = true
		out = append(out, fact.DNSProbe{From: t.From, Server: resolverPort, Name: t.Target.Addr().String(), Type: "PTR"})
	}
	return out
}

// direct asks the resolver behind its NAT rules: the UDP socket on 127.0.0.11
// that the engine holds inside the container's namespace.
func direct(s *fact.Snapshot, d fact.DNSProbe) []fact.DNSProbe {
	n := s.NodeNamed(d.From.Node)
	if n == nil || d.Type != "A" {
		return nil
	}
	ns := n.Kernel.Named(d.From.NetNS)
	if ns == nil {
		return nil
	}
	for _, sock := range ns.Sockets {
		if sock.Proto == "udp" && sock.Local.Addr() == ResolverAddr {
			return []fact.DNSProbe{{From: d.From, Server: sock.Local, Name: d.Name, Type: d.Type}}
		}
	}
	return nil
}

// extra connects to what DNS says and no running task has.
func extra(s *fact.Snapshot, sc *Scope, d fact.DNSProbe) []fact.TCPProbe {
	var out []fact.TCPProbe
	for _, a := range d.Addrs {
		if net := networkOf(s, sc, a); net != "" && !ownedByTask(s, sc, net, a) {
			out = append(out, connects(s, d.From, nobody(s, d.Name[len("tasks."):]), net, a, sc)...)
		}
	}
	return out
}

// nobody is an end of a service that no task is.
func nobody(s *fact.Snapshot, service string) *End {
	e := &End{ServiceName: service}
	if svc := s.Wanted.ServiceNamed(service); svc != nil {
		e.Service = svc.ID
	}
	return e
}

// ownedByTask: an address of a running task needs no extra look; it was asked
// about, or the question leaves it out.
func ownedByTask(s *fact.Snapshot, sc *Scope, net fact.NetworkID, a netip.Addr) bool {
	if slices.ContainsFunc(sc.To, func(e End) bool { return e.Addr(net) == a }) {
		return true
	}
	return s.Wanted != nil && slices.ContainsFunc(s.Wanted.Tasks, func(t fact.Task) bool { return t.Running() && t.Addr(net) == a })
}

func networkOf(s *fact.Snapshot, sc *Scope, a netip.Addr) fact.NetworkID {
	for _, id := range sc.Networks {
		n := Network(s, id)
		if n == nil {
			continue
		}
		for _, sub := range n.Subnets {
			if sub.Prefix.Contains(a) {
				return id
			}
		}
	}
	return ""
}
