package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	ways     *ways
	question fact.Question
	now      func() time.Time
	limit    time.Duration
	progress func(string)
	tool     string
	// hostname is this host's own name; empty when nobody knows it.
	hostname string
	// allNodes: every node is looked at, and its logs are read.
	allNodes bool
	// keep is told of each look as soon as it is over; nil: nobody is.
	keep func(*fact.Snapshot)
	// spent are the requests that both looks have made so far.
	spent spent
	// left are requests that were not made because too many were.
	left []fact.PublishedProbe
	// spared are the gaps of nodes that the first look went without.
	spared []fact.Gap
}

// Look fills a snapshot from the engine that the options mean and from every
// node that can be reached: it looks, probes what the look suggests, and looks
// again after two seconds where the first look found something that may only be
// passing. When the context ends it returns what was learnt so far.
func Look(ctx context.Context, q fact.Question, o LookOptions, progress func(string)) (*fact.Snapshot, error) {
	progress("asking the engine")
	engine, err := collect.Dial(ctx, collect.Where{Host: o.Host, Context: o.Context, Getenv: o.Getenv, Home: o.Home, Limit: o.Timeout, Now: o.Now})
	var silent *collect.SilentError
	switch {
	case errors.As(err, &silent) && silent.Local:
		return mute(q, o, silent), nil
	case err != nil:
		return nil, err
	}
	l := &look{engine: engine, ways: newWays(engine, o), question: q, now: o.Now, limit: o.Timeout, progress: progress, tool: o.Version, hostname: o.Hostname, allNodes: o.AllNodes, keep: o.Keep, spent: spent{}}
	l.ways.logs(o.Logs)
	defer l.ways.close()
	first := l.once(ctx)
	if ctx.Err() != nil || !check.WantsSecondLook(first, check.All()) {
		return first, nil
	}
	progress("something is wrong; looking a second time, to be sure")
	if l.keep != nil {
		l.keep(first)
	}
	if !rest(ctx, secondLook-l.now().Sub(first.Taken)) {
		return stopped(first, beforeSecond), nil
	}
	second := l.once(ctx)
	if ctx.Err() != nil {
		return stopped(first, beforeSecond), nil
	}
	carry(second, first, l.left)
	second.Earlier = first
	return second, nil
}

const beforeSecond = "interrupted before the second look"

// stopped notes that the operator did not let it finish, also where some answer
// only says that nobody waited for it.
func stopped(s *fact.Snapshot, why string) *fact.Snapshot {
	const again = "run it again and let it finish"
	for i := range s.Gaps {
		if g := &s.Gaps[i]; strings.HasSuffix(g.Reason, context.Canceled.Error()) {
			g.Class, g.Reason, g.Do = fact.ClassInterrupted, why, again
		}
	}
	s.Gaps = append(s.Gaps, fact.Gap{Kind: fact.KindTCP, Class: fact.ClassInterrupted, Reason: why, Do: again})
	fact.Tidy(s)
	return s
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
			stopped(s, "interrupted before everything was looked at")
		}
		fact.Tidy(s)
	}()
	l.progress("asking the managers what they want")
	var gaps []fact.Gap
	s.Wanted, gaps = l.engine.Wanted(ctx)
	s.Gaps = append(s.Gaps, gaps...)
	fact.Tidy(s)
	l.progress("reading what engines believe and kernels hold")
	l.lookHere(ctx, s)
	if len(s.Nodes) == 0 {
		return s
	}
	l.lookElsewhere(ctx, s)
	sc, err := expect.Resolve(s)
	if err != nil {
		return s
	}
	leaving(s, s.Wanted)
	heard := l.listen(ctx, s, &sc)
	l.probe(ctx, s, &sc)
	l.progress("reading logs")
	heard()
	if leaving(s, s.Wanted) { // an update may have decided since that a task goes
		now, _ := l.engine.Wanted(ctx)
		leaving(s, now)
	}
	return s
}

// lookHere looks at the node whose engine was dialled.
func (l *look) lookHere(ctx context.Context, s *fact.Snapshot) {
	req := fleet.LookRequest{Names: []string{l.question.From}}
	sc, unknown := expect.Resolve(s)
	if unknown == nil && s.Wanted != nil {
		req = wanting(s, &sc)
	}
	a, err := l.ways.here.Look(ctx, req)
	if err == nil && a.Node.Engine != nil && (unknown != nil || s.Wanted == nil) {
		a, err = l.known(ctx, s, a)
	}
	if err != nil {
		s.Gaps = append(s.Gaps, fact.Gap{Kind: fact.KindNode, Class: fact.ClassGarbled, Reason: err.Error()})
		return
	}
	if a.Node.Engine != nil {
		s.Here, s.Nodes = a.Node.ID, []fact.Node{a.Node}
	} else if hangs(a.Gaps) {
		l.hungHere(s, a.Gaps)
	}
	s.Gaps = append(s.Gaps, a.Gaps...)
	fact.Tidy(s)
	l.lookHereAnew(ctx, s)
}

// known looks once more where only the answer told what a name means, a
// container of this node, and so who is to be asked for its resolv.conf.
func (l *look) known(ctx context.Context, s *fact.Snapshot, first *fleet.LookAnswer) (*fleet.LookAnswer, error) {
	trial := &fact.Snapshot{Question: s.Question, Wanted: s.Wanted, Here: first.Node.ID, Nodes: []fact.Node{first.Node}}
	sc, err := expect.Resolve(trial)
	if err != nil {
		return first, nil
	}
	unread := func(e expect.End) bool {
		ns := expect.Sandbox(trial, &e)
		return ns != nil && ns.Resolv == nil
	}
	if !slices.ContainsFunc(sc.From, unread) {
		return first, nil
	}
	return l.ways.here.Look(ctx, wanting(trial, &sc))
}

// lookHereAnew asks the agent of the node whose engine was dialled where this
// process may not read that node's kernel: it is another host, or it is not
// root.
func (l *look) lookHereAnew(ctx context.Context, s *fact.Snapshot) {
	if len(s.Nodes) == 0 || s.Nodes[0].Kernel != nil || agentService(s) == nil {
		return
	}
	h := host{id: s.Here, name: s.Nodes[0].Name, addr: expect.Advertised(s, s.Here)}
	n, gap := l.ways.to(ctx, s, h)
	if gap != nil {
		return // the first look's gap says enough
	}
	sc, err := expect.Resolve(s)
	if err != nil {
		return
	}
	answer, err := n.Look(ctx, wanting(s, &sc))
	if err != nil || answer.Node.ID != s.Here || answer.Node.Kernel == nil {
		return
	}
	s.Nodes = nil
	s.Gaps = slices.DeleteFunc(s.Gaps, func(g fact.Gap) bool { return g.Node == h.name })
	keep(s, h, answer, nil)
	fact.Tidy(s)
}

// lookElsewhere looks at every other node on the path that there is a way to,
// all at once, and notes those that were not seen, one gap each. A name that is
// not known yet may be a container's on any node.
func (l *look) lookElsewhere(ctx context.Context, s *fact.Snapshot) {
	req := fleet.LookRequest{Names: []string{l.question.From}}
	var hosts, forLogs []host
	if sc, err := expect.Resolve(s); err == nil {
		req, hosts = wanting(s, &sc), elsewhere(s, &sc)
		forLogs = l.logHosts(s, &sc, hosts)
	} else if l.ways.ssh != nil || agentService(s) != nil {
		hosts = everyoneElse(s)
	}
	hosts = slices.DeleteFunc(hosts, func(h host) bool { return missed(l.spared, h.name) })
	s.Gaps = append(s.Gaps, l.spared...)
	l.askNodes(ctx, s, req, slices.Concat(hosts, forLogs), 2*l.limit)
	l.quieter(s, forLogs)
	s.Gaps = append(s.Gaps, aside(s, slices.Concat(hosts, forLogs))...)
	spare(s)
	slices.SortFunc(s.Nodes, func(a, b fact.Node) int { return strings.Compare(a.Name, b.Name) })
	fact.Tidy(s)
}

// askNodes looks at nodes, all at once, and waits so long for each.
func (l *look) askNodes(ctx context.Context, s *fact.Snapshot, req fleet.LookRequest, hosts []host, limit time.Duration) {
	type seen struct {
		answer *fleet.LookAnswer
		gap    *fact.Gap
	}
	for _, a := range fleet.All(ctx, limit, hosts, func(ctx context.Context, h host) (seen, error) {
		n, gap := l.ways.to(ctx, s, h)
		if gap != nil {
			return seen{gap: gap}, nil
		}
		sent := l.now()
		answer, err := n.Look(ctx, req)
		return seen{answer: clocked(answer, sent, l.now())}, err
	}) {
		if a.Err == nil && a.Answer.gap != nil {
			s.Gaps = append(s.Gaps, *a.Answer.gap)
			continue
		}
		if a.Err == nil {
			l.ways.knows(a.Key.name, a.Answer.answer.Node.ID)
		}
		keep(s, a.Key, a.Answer.answer, a.Err)
	}
}

// clocked notes how far another node's clock is off: its time is from somewhere
// between our question and its answer.
func clocked(a *fleet.LookAnswer, sent, got time.Time) *fleet.LookAnswer {
	if a != nil && !a.Clock.IsZero() {
		a.Node.ClockWithin = got.Sub(sent) / 2
		a.Node.ClockOffset = a.Clock.Sub(sent.Add(a.Node.ClockWithin))
	}
	return a
}

// keep adds what another node answered, if it is that node's own.
func keep(s *fact.Snapshot, h host, a *fleet.LookAnswer, err error) {
	g := fact.Gap{Node: h.name, Kind: fact.KindNode, Class: fact.ClassTimeout}
	switch {
	case err != nil:
		g.Reason = plainly(err)
	case a.Node.Engine == nil:
		g.Class, g.Reason = fact.ClassUnseen, "its engine did not answer its agent"
		for _, own := range a.Gaps {
			g.Reason += "; " + own.Reason
		}
		if hangs(a.Gaps) { // its host answered: that is something known about it
			s.Nodes = append(s.Nodes, fact.Node{ID: h.id, Name: h.name, ClockOffset: a.Node.ClockOffset, ClockWithin: a.Node.ClockWithin, Kernel: a.Node.Kernel})
			s.Gaps = append(s.Gaps, fact.Gap{Node: h.name, Kind: fact.KindInfo, Class: fact.ClassTimeout, Reason: g.Reason})
		}
	case h.id != "" && a.Node.ID != h.id:
		g.Class = fact.ClassGarbled
		g.Reason = fmt.Sprintf("what answers there says it is node %q and not %q", a.Node.ID, h.id)
	default:
		for _, own := range a.Gaps {
			own.Node = h.name
			s.Gaps = append(s.Gaps, own)
		}
		a.Node.Name = h.name
		s.Nodes = append(s.Nodes, a.Node)
		return
	}
	s.Gaps = append(s.Gaps, g)
}

// hangs reports whether an engine let its own agent wait in vain.
func hangs(gaps []fact.Gap) bool {
	return slices.ContainsFunc(gaps, func(g fact.Gap) bool { return g.Kind == fact.KindInfo && g.Class == fact.ClassTimeout })
}

// probe sends both rounds of probes and samples the counters again.
func (l *look) probe(ctx context.Context, s *fact.Snapshot, sc *expect.Scope) {
	plan := expect.First(s, sc)
	l.progress(fmt.Sprintf("connecting from %d to %d targets", len(sc.From), len(plan.TCP)))
	s.Gaps = append(s.Gaps, sampled(&plan)...)
	l.send(ctx, s, plan)
	l.send(ctx, s, expect.FollowUp(s, sc))
	l.deeper(ctx, s, sc)
	l.onward(ctx, s, sc)
	l.more(ctx, s, sc)
	l.countAgain(ctx, s)
}

// send has every node send its part of a plan, and notes the results.
func (l *look) send(ctx context.Context, s *fact.Snapshot, plan expect.Plan) {
	var left []fact.PublishedProbe
	plan.Published, left = l.spent.within(plan.Published)
	l.spent.count(plan.Published)
	l.left = append(l.left, left...)
	var senders []*fact.Node
	for i := range s.Nodes {
		part := partOf(&plan, s.Nodes[i].Name)
		if s.Nodes[i].Kernel != nil && len(part.TCP)+len(part.DNS)+len(part.MTU)+len(part.Peers)+len(part.Published) > 0 {
			senders = append(senders, &s.Nodes[i])
		}
	}
	for _, a := range fleet.All(ctx, l.patience(&plan), senders, func(ctx context.Context, n *fact.Node) (*fleet.ProbeAnswer, error) {
		return l.ways.open(n.ID).Probe(ctx, fleet.ProbeRequest{Probes: partOf(&plan, n.Name), Spaces: spaces(n.Kernel), Limit: perPair(&plan)})
	}) {
		name := a.Key.Name
		if a.Err != nil {
			s.Gaps = append(s.Gaps, noProbes(name, a.Err)...)
			continue
		}
		gather(s, name, a.Answer)
	}
	sortSeen(&s.Seen)
}

// countAgain takes the second sample of every node's counters.
func (l *look) countAgain(ctx context.Context, s *fact.Snapshot) {
	var read []*fact.Node
	for i := range s.Nodes {
		if s.Nodes[i].Kernel != nil {
			read = append(read, &s.Nodes[i])
		}
	}
	for _, a := range fleet.All(ctx, l.limit, read, func(ctx context.Context, n *fact.Node) (*fleet.WatchAnswer, error) {
		return l.ways.open(n.ID).Watch(ctx, fleet.WatchRequest{Counters: true, Spaces: spaces(n.Kernel)})
	}) {
		n := a.Key
		if a.Err != nil {
			s.Gaps = append(s.Gaps, fact.Gap{Node: n.Name, Kind: fact.KindCounters, Class: fact.ClassGarbled, Reason: a.Err.Error()})
			continue
		}
		n.Kernel.Later(a.Answer.Counters)
		for _, g := range a.Answer.Gaps {
			g.Node = n.Name
			s.Gaps = append(s.Gaps, g)
		}
	}
}
