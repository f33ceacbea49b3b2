package expect

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fairway/internal/fact"
)

// DataPathPlan is which datagrams to send from host to host, on the port of
// VXLAN and beside it.
type DataPathPlan struct {
	Probes []fact.DataPathProbe
	// Pairs of Of suspected pairs of nodes are tried.
	Pairs, Of int
	// IPv6 are the suspected pairs that are not among Of, because their nodes know
	// each other by IPv6, where datagrams are neither sent nor counted.
	IPv6 int
}

// DataPathEach is how many suspected pairs one node takes part in at most; in a
// larger Swarm each node still has some.
const DataPathEach = 12

// rungs are the sizes of IP packets that the ladder tries below the largest:
// what tunnels, clouds and the standards leave of 1500, and of jumbo frames.
var rungs = []int{DataPathSmall, 576, 1024, 1280, 1320, 1350, 1380, 1400, 1420, 1440, 1450, 1460, 1480, 1492, 1500, 2000, 4000, 8000, 8900, 9000}

// DataPathSmall is the size of the smallest rung: what does not pass at this
// size does not pass at all.
const DataPathSmall = 128

// DataPath plans datagrams between the nodes, both ways, where the overlay seems
// not to pass: where connections from task to task timed out or large packets
// got lost; and between one pair of nodes where it passes, for contrast. Each
// pair gets a ladder of sizes to the data path port, up to what the overlay
// needs, and one small datagram to a neighbouring port, which tells a port that
// is lost from a host that is. The VNI is one that nobody has.
func DataPath(s *fact.Snapshot, sc *Scope) DataPathPlan {
	var out DataPathPlan
	bad, good := suspects(s)
	bad = slices.DeleteFunc(bad, func(p nodePair) bool {
		six := VTEP(s, p.a).Is6() || VTEP(s, p.b).Is6()
		if six {
			out.IPv6++
		}
		return six
	})
	if len(bad) == 0 {
		return out
	}
	out.Of = len(bad)
	each := map[fact.NodeID]int{}
	bad = slices.DeleteFunc(bad, func(p nodePair) bool {
		over := each[p.a] >= DataPathEach && each[p.b] >= DataPathEach
		each[p.a]++
		each[p.b]++
		return over
	})
	out.Pairs = len(bad)
	near := func(p nodePair) bool { return p.a == bad[0].a || p.b == bad[0].a || p.a == bad[0].b || p.b == bad[0].b }
	if i := slices.IndexFunc(good, near); i >= 0 {
		bad = append(bad, good[i])
	} else if len(good) > 0 {
		bad = append(bad, good[0])
	}
	vni, full := freeVNI(s), largest(s, sc)
	for _, p := range bad {
		out.Probes = append(out.Probes, datagrams(s, p.a, p.b, vni, full)...)
		out.Probes = append(out.Probes, datagrams(s, p.b, p.a, vni, full)...)
	}
	return out
}

// nodePair is two nodes, the smaller ID first.
type nodePair struct{ a, b fact.NodeID }

func pairOf(a, b fact.NodeID) nodePair {
	if a > b {
		a, b = b, a
	}
	return nodePair{a, b}
}

// suspects sorts the pairs of nodes that were tried into those where something
// timed out and those where nothing did.
func suspects(s *fact.Snapshot) (bad, good []nodePair) {
	ill := map[nodePair]bool{}
	note := func(from string, net fact.NetworkID, task fact.TaskID, target netip.Addr, lost bool) {
		n, owner := s.NodeNamed(from), ownerOf(s, net, task, target)
		if n != nil && n.ID != "" && owner != "" && owner != n.ID {
			p := pairOf(n.ID, owner)
			ill[p] = ill[p] || lost
		}
	}
	for _, p := range s.Seen.TCP {
		if p.Outcome != fact.ProbeError {
			note(p.From.Node, p.Network, p.To, p.Target.Addr(), p.Outcome == fact.Timeout || p.Outcome == fact.Unreachable)
		}
	}
	for _, p := range s.Seen.MTU {
		note(p.From.Node, p.Network, p.To, p.Target, p.Passed == 0 || p.Failed > 0 && p.Failed <= p.MTU)
	}
	for p, lost := range ill {
		if lost {
			bad = append(bad, p)
		} else {
			good = append(good, p)
		}
	}
	byName := func(x, y nodePair) int {
		return cmp.Or(strings.Compare(string(x.a), string(y.a)), strings.Compare(string(x.b), string(y.b)))
	}
	slices.SortFunc(bad, byName)
	slices.SortFunc(good, byName)
	return bad, good
}

// ownerOf is the node of a task, or of whoever has an address.
func ownerOf(s *fact.Snapshot, net fact.NetworkID, id fact.TaskID, a netip.Addr) fact.NodeID {
	if t := s.Wanted.Task(id); t != nil {
		return t.Node
	}
	for i := range s.Nodes {
		n := s.Nodes[i].Engine.Network(net)
		if n == nil {
			continue
		}
		for _, e := range n.Endpoints {
			if e.Addr.Addr() == a {
				return s.Nodes[i].ID
			}
		}
	}
	return ""
}

// datagrams are the probes from one node to another; none where the sender's
// kernel was not seen.
func datagrams(s *fact.Snapshot, from, to fact.NodeID, vni uint32, full int) []fact.DataPathProbe {
	n, addr := s.Node(from), VTEP(s, to)
	if n == nil || n.Kernel.Host() == nil || !addr.Is4() {
		return nil
	}
	port := DataPathPort(s, n)
	p := fact.DataPathProbe{Node: n.Name, Peer: to, Target: netip.AddrPortFrom(addr, port), VNI: vni}
	var out []fact.DataPathProbe
	for _, size := range rungs {
		if size < full {
			p.Size = size
			out = append(out, p)
		}
	}
	p.Size = full
	out = append(out, p)
	p.Size, p.Target = DataPathSmall, netip.AddrPortFrom(addr, NeighbourPort(port))
	return append(out, p)
}

// NeighbourPort is a port beside the data path port that is not Swarm's own.
func NeighbourPort(port uint16) uint16 {
	if n := port + 1; n <= 49151 && n != GossipPort && n != ManagerPort {
		return n
	}
	return port - 1
}

// largest is the IP packet that the overlays of the question make of their
// largest.
func largest(s *fact.Snapshot, sc *Scope) int {
	full := 0
	for _, id := range sc.Overlays() {
		if n := Network(s, id); n != nil {
			full = max(full, OverlayMTU(n)+VXLANOverhead)
		}
	}
	if full < DataPathSmall || full > 1<<16-1 {
		return 1500
	}
	return full
}

// freeVNI is a VXLAN identifier that no network and no link anywhere has: the
// engine counts from 4096 up (swarm/overlay allocator, all versions), so it is
// sought from the top down.
func freeVNI(s *fact.Snapshot) uint32 {
	taken := map[uint32]bool{}
	note := func(n *fact.Network) {
		for _, v := range n.VNIs {
			taken[v] = true
		}
	}
	if s.Wanted != nil {
		for i := range s.Wanted.Networks {
			note(&s.Wanted.Networks[i])
		}
	}
	for i := range s.Nodes {
		if e := s.Nodes[i].Engine; e != nil {
			for k := range e.Networks {
				note(&e.Networks[k].Network)
			}
		}
		if k := s.Nodes[i].Kernel; k != nil {
			for _, ns := range k.Namespaces {
				for _, l := range ns.Links {
					if l.VXLAN != nil {
						taken[l.VXLAN.ID] = true
					}
				}
			}
		}
	}
	v := uint32(0xFFFFF0)
	for taken[v] {
		v--
	}
	return v
}

// WatchGossip is how long to count the packets of gossip, 0 for not at all: it
// takes long, so something must point there. A peer's gossip port takes
// connections, and yet a node does not know one of its tasks, or knows one that
// is no more. In so many seconds as there are nodes each asks each once
// (memberlist's probe interval is 1 s, all versions); 20 s at most.
func WatchGossip(s *fact.Snapshot) time.Duration {
	if s.Wanted == nil {
		return 0
	}
	open := gossipOpen(s)
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Engine == nil {
			continue
		}
		known := map[fact.NetworkID]map[fact.TaskID]bool{}
		for k := range s.Wanted.Tasks {
			t := &s.Wanted.Tasks[k]
			if t.Node != n.ID && open[pairOf(n.ID, t.Node)] && disbelieved(s, n, t, known) {
				return min(max(3*time.Second, time.Duration(len(s.Wanted.Nodes))*time.Second), 20*time.Second)
			}
		}
	}
	return 0
}

// gossipOpen are the pairs of nodes where one reaches the other's gossip port.
func gossipOpen(s *fact.Snapshot) map[nodePair]bool {
	ids := map[string][]fact.NodeID{} // two may have one name
	for i := range s.Nodes {
		ids[s.Nodes[i].Name] = append(ids[s.Nodes[i].Name], s.Nodes[i].ID)
	}
	if s.Wanted != nil {
		for i := range s.Wanted.Nodes {
			ids[s.Wanted.Nodes[i].Hostname] = append(ids[s.Wanted.Nodes[i].Hostname], s.Wanted.Nodes[i].ID)
		}
	}
	out := map[nodePair]bool{}
	for _, p := range s.Seen.Peers {
		if p.What != "gossip" || p.Outcome != fact.Open {
			continue
		}
		for _, id := range ids[p.Node] {
			out[pairOf(id, p.Peer)] = true
		}
	}
	return out
}

// disbelieved: a node believes otherwise of a task than the managers do, on a
// network where both are. known is what the node believes, as far as it was asked.
func disbelieved(s *fact.Snapshot, n *fact.Node, t *fact.Task, known map[fact.NetworkID]map[fact.TaskID]bool) bool {
	for _, a := range t.Addresses {
		net := n.Engine.Network(a.Network)
		if net == nil || !net.Instantiated || net.Driver != "overlay" || net.Ingress {
			continue
		}
		if known[a.Network] == nil {
			known[a.Network] = BelievedTasks(net)
		}
		believed := known[a.Network][t.ID]
		gone := t.Terminal() && !t.Draining(s.Taken)
		if !believed && t.Running() || believed && gone {
			return true
		}
	}
	return false
}

// BelievedTasks are the tasks that an engine believes to be on a network.
func BelievedTasks(net *fact.EngineNetwork) map[fact.TaskID]bool {
	out := map[fact.TaskID]bool{}
	for _, svc := range net.Services {
		for _, t := range svc.Tasks {
			if n, ok := ParseTaskName(t.Name); ok {
				out[n.Task] = true
			}
		}
	}
	return out
}
