package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// A watch begins on the receivers before anything is sent, and goes on after the
// last datagram: nobody says when it is ready, so it gets a head start.
const (
	headStart = 400 * time.Millisecond
	dataWatch = 1500 * time.Millisecond
)

// deeper looks at what needs two ends, where the first round points there:
// datagrams from host to host, counted where they arrive, and the packets of
// gossip.
func (l *look) deeper(ctx context.Context, s *fact.Snapshot, sc *expect.Scope) {
	plan, span := expect.DataPath(s, sc), expect.WatchGossip(s)
	var data, gossip watched
	var sent []fact.DataPathProbe
	var wg sync.WaitGroup
	if len(plan.Probes) > 0 {
		l.progress("sending datagrams from host to host, and counting what arrives")
		wg.Go(func() { sent, data = l.datagrams(ctx, s, plan.Probes) })
	}
	if span > 0 {
		l.progress(fmt.Sprintf("counting the packets of gossip for %v", span))
		wg.Go(func() { gossip = l.watch(ctx, hostsSeen(s), []fleet.WatchRequest{{For: span, Gossip: true}}) })
	}
	wg.Wait()
	s.Seen.DataPath = append(s.Seen.DataPath, counted(s, sent, &data)...)
	s.Seen.Flows = append(s.Seen.Flows, data.flows...)
	s.Seen.Flows = append(s.Seen.Flows, silence(s, &gossip, span)...)
	s.Gaps = append(append(s.Gaps, data.gaps...), gossip.gaps...)
	s.Gaps = append(append(s.Gaps, left(s, plan, span)...), unencrypted(s, sc, &plan)...)
}

// left says what the datagrams and counts left out.
func left(s *fact.Snapshot, plan expect.DataPathPlan, span time.Duration) []fact.Gap {
	var out []fact.Gap
	if plan.Of > plan.Pairs {
		out = append(out, fact.Gap{Kind: fact.KindUnderlay, Class: fact.ClassUnseen,
			Reason: fmt.Sprintf("datagrams were sent between %d of %d pairs of nodes where connections fail", plan.Pairs, plan.Of), Do: "ask about one source with service.slot"})
	}
	const byHand = "`tcpdump -ni any udp port %d` on both ends, by hand"
	if plan.IPv6 > 0 {
		out = append(out, fact.Gap{Kind: fact.KindUnderlay, Class: fact.ClassUnsupported,
			Reason: fmt.Sprintf("%d pairs of nodes where connections fail know each other by IPv6, and datagrams are sent and counted over IPv4 only", plan.IPv6),
			Do:     fmt.Sprintf(byHand, expect.DataPathPort(s, &fact.Node{}))})
	}
	if six := overIPv6(s); span > 0 && len(six) > 0 {
		out = append(out, fact.Gap{Kind: fact.KindUnderlay, Class: fact.ClassUnsupported,
			Reason: fmt.Sprintf("packets of gossip are counted over IPv4 only: %s and the others know each other by IPv6", strings.Join(six, ", ")),
			Do:     fmt.Sprintf(byHand, expect.GossipPort)})
	}
	return out
}

// unencrypted says that datagrams are not what encrypted networks send. They
// leave the hosts' own namespaces; from an overlay's nothing is ever sent, and
// what crosses ESP is what tasks send.
func unencrypted(s *fact.Snapshot, sc *expect.Scope, plan *expect.DataPathPlan) []fact.Gap {
	var names []string
	for _, id := range sc.Networks {
		if n := expect.Network(s, id); n != nil && n.Encrypted {
			names = append(names, n.Name)
		}
	}
	if len(plan.Probes) == 0 || names == nil {
		return nil
	}
	return []fact.Gap{{Kind: fact.KindUnderlay, Class: fact.ClassAside,
		Reason: fmt.Sprintf("packets of %s are encrypted between hosts (ESP, IP protocol 50): fairway sends none, so only connections from task to task crossed it", strings.Join(names, ", ")),
		Do:     "`tcpdump -ni any esp` on both ends, by hand"}}
}

// overIPv6 names the nodes that gossip by IPv6.
func overIPv6(s *fact.Snapshot) []string {
	var out []string
	if s.Wanted == nil {
		return nil
	}
	for _, n := range s.Wanted.Nodes {
		if expect.Advertised(s, n.ID).Is6() {
			out = append(out, n.Hostname)
		}
	}
	slices.Sort(out)
	return out
}

// watched is what watches on several nodes saw.
type watched struct {
	flows []fact.Flow
	gaps  []fact.Gap
	// on are the watches that ran to their end: node and port (0: gossip).
	on map[watchKey]bool
}

type watchKey struct {
	node string
	port uint16
}

// datagrams has receivers count while senders send.
func (l *look) datagrams(ctx context.Context, s *fact.Snapshot, plan []fact.DataPathProbe) ([]fact.DataPathProbe, watched) {
	var reqs []fleet.WatchRequest
	for _, p := range plan {
		r := fleet.WatchRequest{For: dataWatch, DataPath: p.Target.Port(), VNI: p.VNI}
		if !slices.ContainsFunc(reqs, func(q fleet.WatchRequest) bool { return q.DataPath == r.DataPath }) {
			reqs = append(reqs, r)
		}
	}
	var seen watched
	var wg sync.WaitGroup
	if ends := watchers(s, plan); ends != nil {
		wg.Go(func() { seen = l.watch(ctx, ends, reqs) })
		if !rest(ctx, headStart) {
			wg.Wait()
			return nil, seen
		}
	}
	var out []fact.DataPathProbe
	for _, a := range fleet.All(ctx, l.limit, senders(s, plan), func(ctx context.Context, n *fact.Node) (*fleet.ProbeAnswer, error) {
		mine := slices.DeleteFunc(slices.Clone(plan), func(p fact.DataPathProbe) bool { return p.Node != n.Name })
		return l.ways.open(n.ID).Probe(ctx, fleet.ProbeRequest{Probes: fact.Seen{DataPath: mine}, Spaces: hostSpace(n), Limit: perRequest})
	}) {
		if a.Err != nil {
			s.Gaps = append(s.Gaps, fact.Gap{Node: a.Key.Name, Kind: fact.KindUnderlay, NetNS: "host", Class: fact.ClassGarbled, Reason: a.Err.Error()})
			continue
		}
		out = append(out, a.Answer.Seen.DataPath...)
	}
	wg.Wait()
	return out, seen
}

// watchers are the nodes whose counts tell something of a plan: its receivers
// and its senders; none where no receiver was seen, for what leaves a sender
// says nothing alone, and a watch takes longer than all the rest.
func watchers(s *fact.Snapshot, plan []fact.DataPathProbe) []*fact.Node {
	received := false
	out := slices.DeleteFunc(hostsSeen(s), func(n *fact.Node) bool {
		receives := slices.ContainsFunc(plan, func(p fact.DataPathProbe) bool { return p.Peer == n.ID })
		received = received || receives
		return !receives && !slices.ContainsFunc(plan, func(p fact.DataPathProbe) bool { return p.Node == n.Name })
	})
	if !received {
		return nil
	}
	return out
}

// hostsSeen are the nodes whose own namespace was seen.
func hostsSeen(s *fact.Snapshot) []*fact.Node {
	var out []*fact.Node
	for i := range s.Nodes {
		if s.Nodes[i].Kernel.Host() != nil {
			out = append(out, &s.Nodes[i])
		}
	}
	return out
}

func senders(s *fact.Snapshot, plan []fact.DataPathProbe) []*fact.Node {
	var out []*fact.Node
	for i := range s.Nodes {
		if slices.ContainsFunc(plan, func(p fact.DataPathProbe) bool { return p.Node == s.Nodes[i].Name }) {
			out = append(out, &s.Nodes[i])
		}
	}
	return out
}

// watch has nodes watch, once for each request, all at the same time. What a
// node counted in part is not told: too few packets look like lost ones.
func (l *look) watch(ctx context.Context, nodes []*fact.Node, reqs []fleet.WatchRequest) watched {
	type on struct {
		node *fact.Node
		req  fleet.WatchRequest
	}
	var keys []on
	var longest time.Duration
	for _, n := range nodes {
		for _, r := range reqs {
			r.Spaces = hostSpace(n)
			keys = append(keys, on{n, r})
			longest = max(longest, r.For)
		}
	}
	out := watched{on: map[watchKey]bool{}}
	for _, a := range fleet.All(ctx, longest+l.limit, keys, func(ctx context.Context, k on) (*fleet.WatchAnswer, error) {
		return l.ways.open(k.node.ID).Watch(ctx, k.req)
	}) {
		name := a.Key.node.Name
		if a.Err != nil || len(a.Answer.Gaps) > 0 {
			out.gaps = append(out.gaps, notWatched(name, a.Answer, a.Err))
			continue
		}
		out.on[watchKey{name, a.Key.req.DataPath}] = true
		for _, f := range a.Answer.Flows {
			f.Node = name
			out.flows = append(out.flows, f)
		}
	}
	return out
}

func notWatched(node string, a *fleet.WatchAnswer, err error) fact.Gap {
	if err == nil {
		g := a.Gaps[0]
		g.Node, g.NetNS = node, "host"
		return g
	}
	return fact.Gap{Node: node, Kind: fact.KindUnderlay, NetNS: "host", Class: fact.ClassGarbled, Reason: err.Error()}
}

func hostSpace(n *fact.Node) []fleet.Space {
	h := n.Kernel.Host()
	if h == nil {
		return nil
	}
	return []fleet.Space{{Name: h.Name, Inode: h.Inode, Role: h.Role}}
}

// counted puts what receivers saw beside what was sent. A packet counts as a
// sender's when it comes from any address of its host.
func counted(s *fact.Snapshot, sent []fact.DataPathProbe, w *watched) []fact.DataPathProbe {
	for i := range sent {
		p := &sent[i]
		to, from := s.Node(p.Peer), s.NodeNamed(p.Node)
		if to == nil || from == nil || !w.on[watchKey{to.Name, p.Target.Port()}] {
			continue
		}
		p.Counted = true
		for _, f := range w.flows {
			if f.Node == to.Name && f.What == "data path" && f.Port == p.Target.Port() && f.Size == p.Size && from.Kernel.Host().LinkWith(f.Peer) != nil {
				p.Wire += int(f.In)
				p.Host += int(f.Host)
			}
		}
	}
	slices.SortStableFunc(sent, func(a, b fact.DataPathProbe) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), a.Target.Compare(b.Target), cmp.Compare(a.Size, b.Size))
	})
	return sent
}

// silence adds a flow of nothing for every peer from or to which no packet of
// gossip passed: a watch that saw none is not a watch that did not look.
func silence(s *fact.Snapshot, w *watched, span time.Duration) []fact.Flow {
	out := w.flows
	if s.Wanted == nil {
		return out
	}
	for k := range w.on {
		for _, n := range s.Wanted.Nodes {
			a := expect.Advertised(s, n.ID)
			if n.Hostname == k.node || n.State != "ready" || !a.Is4() || // nobody looks at IPv6
				slices.ContainsFunc(w.flows, func(f fact.Flow) bool { return f.Node == k.node && f.Peer == a }) {
				continue
			}
			out = append(out, fact.Flow{Node: k.node, What: "gossip", Peer: a, Port: expect.GossipPort, For: span})
		}
	}
	slices.SortFunc(out, func(a, b fact.Flow) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), netip.Addr.Compare(a.Peer, b.Peer))
	})
	return out
}
