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

	"fairway/internal/check"
	"fairway/internal/collect"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// secondLook is how long after a first look with contradictions the second one
// comes (design: "The second look").
const secondLook = 2 * time.Second

// perRequest is how many connections one round of one look may open for a pair
// of source and target: two tries. Two looks of two rounds stay within
// probe.PerPair.
const perRequest = 2

// look holds what one diagnosis shares between its looks.
type look struct {
	engine   *collect.Engine
	here     fleet.Node
	question fact.Question
	now      func() time.Time
	limit    time.Duration
	progress func(string)
	tool     string
}

// Look fills a snapshot from the engine that the options mean and from every
// node that can be reached: it looks, probes what the look suggests, and looks
// again after two seconds where the first look found something that may only be
// passing. When the context ends it returns what was learnt so far.
func Look(ctx context.Context, q fact.Question, o LookOptions, progress func(string)) (*fact.Snapshot, error) {
	progress("asking the engine")
	engine, err := collect.Dial(ctx, collect.Where{Host: o.Host, Context: o.Context, Getenv: o.Getenv, Home: o.Home, Limit: o.Timeout, Now: o.Now})
	if err != nil {
		return nil, err
	}
	l := &look{engine: engine, here: &local{engine: engine, now: o.Now}, question: q, now: o.Now, limit: o.Timeout, progress: progress, tool: o.Version}
	defer l.here.Close()
	first := l.once(ctx)
	if ctx.Err() != nil || !check.WantsSecondLook(first, check.All()) {
		return first, nil
	}
	progress("something is wrong; looking a second time, to be sure")
	if !rest(ctx, secondLook-l.now().Sub(first.Taken)) {
		return first, nil
	}
	second := l.once(ctx)
	if ctx.Err() != nil {
		return first, nil
	}
	second.Earlier = first
	return second, nil
}

// rest waits and reports whether it was left in peace.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// once takes one look: what the managers want, then what every node believes
// and holds, then the probes that these suggest.
func (l *look) once(ctx context.Context) *fact.Snapshot {
	s := &fact.Snapshot{Format: fact.Format, Tool: l.tool, Taken: l.now(), Question: l.question}
	defer func() {
		if ctx.Err() != nil {
			s.Gaps = append(s.Gaps, fact.Gap{Kind: fact.KindTCP, Class: fact.ClassInterrupted,
				Reason: "stopped before everything was looked at", Do: "run it again and let it finish"})
		}
		fact.Tidy(s)
	}()
	l.progress("asking the managers what they want")
	var gaps []fact.Gap
	s.Wanted, gaps = l.engine.Wanted(ctx)
	s.Gaps = append(s.Gaps, gaps...)
	fact.Tidy(s)
	l.progress("reading what engine and kernel believe and hold")
	l.lookHere(ctx, s)
	fact.Tidy(s)
	sc, err := expect.Resolve(s)
	if err != nil || len(s.Nodes) == 0 {
		return s
	}
	s.Gaps = append(s.Gaps, unseen(s, &sc)...)
	l.probe(ctx, s, &sc)
	return s
}

// lookHere looks at the node that fairway's engine runs on.
func (l *look) lookHere(ctx context.Context, s *fact.Snapshot) {
	req := fleet.LookRequest{Names: []string{l.question.From}}
	if sc, err := expect.Resolve(s); err == nil && s.Wanted != nil {
		req = wanting(s, &sc)
	}
	a, err := l.here.Look(ctx, req)
	if err != nil {
		s.Gaps = append(s.Gaps, fact.Gap{Kind: fact.KindNode, Class: fact.ClassGarbled, Reason: err.Error()})
		return
	}
	s.Gaps = append(s.Gaps, a.Gaps...)
	if a.Node.Engine != nil {
		s.Here, s.Nodes = a.Node.ID, []fact.Node{a.Node}
	}
}

// wanting is what the question needs to know of every node, as far as the
// managers tell.
func wanting(s *fact.Snapshot, sc *expect.Scope) fleet.LookRequest {
	var r fleet.LookRequest
	for _, e := range sc.From {
		if e.Container != "" {
			r.Resolv = append(r.Resolv, e.Container)
		}
	}
	for _, p := range expect.Peers(s, sc, &fact.Node{}) {
		r.Peers = append(r.Peers, p.Addr)
	}
	return r
}

// unseen notes the hosts on the path that nobody looked at, one gap each.
// Without the managers a host is known by its address only.
func unseen(s *fact.Snapshot, sc *expect.Scope) []fact.Gap {
	var out []fact.Gap
	here := expect.NodeName(s, s.Here)
	for _, e := range slices.Concat(sc.From, sc.To) {
		known := func(g fact.Gap) bool { return g.Node == e.NodeName }
		if s.Node(e.Node) != nil || e.NodeName == "" || slices.ContainsFunc(out, known) {
			continue
		}
		g := fact.Gap{Node: e.NodeName, Kind: fact.KindNode, Class: fact.ClassUnseen,
			Reason: fmt.Sprintf("not looked at: this run saw %s only", here),
			Do:     fmt.Sprintf("run the same command on %s", e.NodeName)}
		if n := s.Wanted.Node(e.Node); n != nil && n.State != "ready" {
			g.Reason += fmt.Sprintf("; the managers say it is %s", n.State)
		}
		out = append(out, g)
	}
	return out
}

// probe sends both rounds of probes and samples the counters again.
func (l *look) probe(ctx context.Context, s *fact.Snapshot, sc *expect.Scope) {
	plan := expect.First(s, sc)
	l.progress(fmt.Sprintf("connecting from %d to %d targets", len(sc.From), len(plan.TCP)))
	bound(s, &plan)
	l.send(ctx, s, plan)
	l.send(ctx, s, expect.FollowUp(s, sc))
	l.countAgain(ctx, s)
}

// bound keeps a sweep within its limit, and says so.
func bound(s *fact.Snapshot, p *expect.Plan) {
	if n := len(p.TCP); n > expect.MaxTCP {
		p.TCP = p.TCP[:expect.MaxTCP]
		s.Gaps = append(s.Gaps, fact.Gap{Kind: fact.KindTCP, Class: fact.ClassUnseen,
			Reason: fmt.Sprintf("%d of %d connections were tried, which is the limit of one run", expect.MaxTCP, n),
			Do:     "name one source with service.slot, or one port"})
	}
}

// send has every node send its part of a plan, and notes the results.
func (l *look) send(ctx context.Context, s *fact.Snapshot, plan expect.Plan) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range s.Nodes {
		n := &s.Nodes[i]
		part := partOf(&plan, n.Name)
		if n.Kernel == nil || len(part.TCP)+len(part.DNS)+len(part.MTU)+len(part.Peers) == 0 {
			continue
		}
		wg.Go(func() {
			a, err := l.here.Probe(ctx, fleet.ProbeRequest{Probes: part, Spaces: spaces(n.Kernel), Limit: perRequest})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.Gaps = append(s.Gaps, noProbes(n.Name, err)...)
				return
			}
			gather(s, a)
		})
	}
	wg.Wait()
	sortSeen(&s.Seen)
}

// partOf is what one node is to send.
func partOf(p *expect.Plan, node string) fact.Seen {
	var out fact.Seen
	for _, x := range p.TCP {
		if x.From.Node == node {
			out.TCP = append(out.TCP, x)
		}
	}
	for _, x := range p.DNS {
		if x.From.Node == node {
			out.DNS = append(out.DNS, x)
		}
	}
	for _, x := range p.MTU {
		if x.From.Node == node {
			out.MTU = append(out.MTU, x)
		}
	}
	for _, x := range p.Peers {
		if x.Node == node {
			out.Peers = append(out.Peers, x)
		}
	}
	return out
}

func spaces(k *fact.Kernel) []fleet.Space {
	var out []fleet.Space
	for _, ns := range k.Namespaces {
		out = append(out, fleet.Space{Name: ns.Name, Inode: ns.Inode, Role: ns.Role})
	}
	return out
}

func noProbes(node string, err error) []fact.Gap {
	var out []fact.Gap
	for _, k := range []fact.Kind{fact.KindTCP, fact.KindDNS, fact.KindMTU, fact.KindUnderlay} {
		out = append(out, fact.Gap{Node: node, Kind: k, Class: fact.ClassGarbled, Reason: err.Error()})
	}
	return out
}

func gather(s *fact.Snapshot, a *fleet.ProbeAnswer) {
	s.Seen.TCP = append(s.Seen.TCP, a.Seen.TCP...)
	s.Seen.DNS = append(s.Seen.DNS, a.Seen.DNS...)
	s.Seen.MTU = append(s.Seen.MTU, a.Seen.MTU...)
	s.Seen.Peers = append(s.Seen.Peers, a.Seen.Peers...)
	s.Seen.Made += a.Seen.Made
	s.Gaps = append(s.Gaps, a.Gaps...)
}

// sortSeen puts results of nodes that answered in any order into one order.
func sortSeen(seen *fact.Seen) {
	from := func(a, b fact.Source) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), strings.Compare(string(a.Task), string(b.Task)))
	}
	slices.SortStableFunc(seen.TCP, func(a, b fact.TCPProbe) int { return cmp.Or(from(a.From, b.From), a.Target.Compare(b.Target)) })
	slices.SortStableFunc(seen.DNS, func(a, b fact.DNSProbe) int { return from(a.From, b.From) })
	slices.SortStableFunc(seen.MTU, func(a, b fact.MTUProbe) int {
		return cmp.Or(from(a.From, b.From), netip.Addr.Compare(a.Target, b.Target))
	})
	slices.SortStableFunc(seen.Peers, func(a, b fact.PeerProbe) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), a.Target.Compare(b.Target))
	})
}

// countAgain takes the second sample of every node's counters.
func (l *look) countAgain(ctx context.Context, s *fact.Snapshot) {
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Kernel == nil {
			continue
		}
		a, err := l.here.Watch(ctx, fleet.WatchRequest{Counters: true, Spaces: spaces(n.Kernel)})
		if err != nil {
			s.Gaps = append(s.Gaps, fact.Gap{Node: n.Name, Kind: fact.KindCounters, Class: fact.ClassGarbled, Reason: err.Error()})
			continue
		}
		n.Kernel.Later(a.Counters)
		s.Gaps = append(s.Gaps, a.Gaps...)
	}
}
