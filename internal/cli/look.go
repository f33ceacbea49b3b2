package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"fairway/internal/check"
	"fairway/internal/collect"
	"fairway/internal/expect"
	"fairway/internal/fact"
)

// secondLook is how long after a first look with contradictions the second one
// comes (design: "The second look").
const secondLook = 2 * time.Second

// look holds what one diagnosis shares between its looks.
type look struct {
	engine   *collect.Engine
	question fact.Question
	now      func() time.Time
	progress func(string)
	senses   senses
	tool     string
	// request is what this host's kernel was asked for, for the second sample.
	request collect.KernelRequest
}

// Look fills a snapshot from the engine that the options mean and from this
// host: it looks, probes what the look suggests, and looks again after two
// seconds where the first look found something that may only be passing. When
// the context ends it returns what was learnt so far.
func Look(ctx context.Context, q fact.Question, o LookOptions, progress func(string)) (*fact.Snapshot, error) {
	progress("asking the engine")
	engine, err := collect.Dial(ctx, collect.Where{Host: o.Host, Context: o.Context, Getenv: o.Getenv, Home: o.Home, Limit: o.Timeout, Now: o.Now})
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	l := &look{engine: engine, question: q, now: o.Now, progress: progress, tool: o.Version}
	defer l.senses.close()
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

// once takes one look: the managers' view and the engine's belief, then what
// the kernel holds, then the probes that these suggest.
func (l *look) once(ctx context.Context) *fact.Snapshot {
	s := &fact.Snapshot{Format: fact.Format, Tool: l.tool, Taken: l.now(), Question: l.question}
	l.progress("asking managers and engine what they want and believe")
	engine := l.ask(ctx, s)
	fact.Tidy(s)
	sc, err := expect.Resolve(s)
	if err != nil || engine == nil {
		return stopped(ctx, s)
	}
	s.Gaps = append(s.Gaps, unseen(s, &sc)...)
	l.progress("reading what this kernel holds")
	l.hold(ctx, s, &sc)
	if sc, err = expect.Resolve(s); err != nil {
		return stopped(ctx, s)
	}
	l.probe(ctx, s, &sc)
	return stopped(ctx, s)
}

// stopped notes that the operator ended the run early.
func stopped(ctx context.Context, s *fact.Snapshot) *fact.Snapshot {
	if ctx.Err() != nil {
		s.Gaps = append(s.Gaps, fact.Gap{Kind: fact.KindTCP, Class: fact.ClassInterrupted, Reason: "stopped before everything was looked at",
			Do: "run it again and let it finish"})
	}
	return s
}

// ask fills in wanted and believed, side by side.
func (l *look) ask(ctx context.Context, s *fact.Snapshot) *fact.Engine {
	var engine *fact.Engine
	var wantedGaps, engineGaps []fact.Gap
	var wg sync.WaitGroup
	wg.Go(func() { s.Wanted, wantedGaps = l.engine.Wanted(ctx) })
	wg.Go(func() { engine, engineGaps = l.engine.Believed(ctx) })
	wg.Wait()
	s.Gaps = append(append(s.Gaps, wantedGaps...), engineGaps...)
	if engine != nil {
		s.Here = engine.Swarm.NodeID
		s.Nodes = []fact.Node{{ID: s.Here, Name: engine.Name, Engine: engine}}
	}
	return engine
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

// hold fills in what this host's kernel holds, if it is the engine's.
func (l *look) hold(ctx context.Context, s *fact.Snapshot, sc *expect.Scope) {
	node := &s.Nodes[0]
	req := collect.KernelRequest{Node: node.Name, Engine: node.Engine, Archive: l.engine.Archive}
	for _, e := range sc.From {
		if e.Node == s.Here && e.Container != "" {
			req.Resolv = append(req.Resolv, e.Container)
		}
	}
	req.Peers = underlay(s, sc)
	kernel, gaps := collect.Kernel(ctx, req)
	node.Kernel = kernel
	s.Gaps = append(s.Gaps, gaps...)
	l.request = req
}

// underlay lists the addresses of the other nodes that the question needs.
func underlay(s *fact.Snapshot, sc *expect.Scope) []netip.Addr {
	var out []netip.Addr
	for _, p := range expect.Peers(s, sc, &s.Nodes[0]) {
		out = append(out, p.Addr)
	}
	return out
}

// probe sends both rounds of probes and samples the counters again.
func (l *look) probe(ctx context.Context, s *fact.Snapshot, sc *expect.Scope) {
	if s.Nodes[0].Kernel == nil {
		return
	}
	plan := expect.First(s, sc)
	l.progress(fmt.Sprintf("connecting from %d to %d targets", len(sc.From), len(plan.TCP)))
	l.bound(s, &plan)
	made := l.senses.made()
	l.senses.send(ctx, s, l.request, plan)
	l.senses.send(ctx, s, l.request, expect.FollowUp(s, sc))
	s.Seen.Made = l.senses.made() - made
	s.Gaps = append(s.Gaps, collect.Resample(ctx, s.Nodes[0].Kernel, l.request)...)
}

// bound keeps a sweep within its limit, and says so.
func (l *look) bound(s *fact.Snapshot, p *expect.Plan) {
	if n := len(p.TCP); n > expect.MaxTCP {
		p.TCP = p.TCP[:expect.MaxTCP]
		s.Gaps = append(s.Gaps, fact.Gap{Node: s.Nodes[0].Name, Kind: fact.KindTCP, Class: fact.ClassUnseen,
			Reason: fmt.Sprintf("%d of %d connections were tried, which is the limit of one run", expect.MaxTCP, n),
			Do:     "name one source with service.slot, or one port"})
	}
}
