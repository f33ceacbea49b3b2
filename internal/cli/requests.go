package cli

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/probe"
)

// onwardLimit is how long the nodes that only a published port brings in may
// take: the question itself is answered by then.
const onwardLimit = 5 * time.Second

// onward goes on to the routing mesh where FROM reaches TO and one of them
// publishes a port: the complaint may be about that (runbook U4).
func (l *look) onward(ctx context.Context, s *fact.Snapshot, sc *expect.Scope) {
	if ctx.Err() != nil || !expect.Onward(s, sc) {
		return
	}
	l.progress("these connections are whole; going on to the published ports")
	l.question.Mesh, s.Question.Mesh = true, true
	wider, err := expect.Resolve(s)
	if err != nil {
		return
	}
	l.askNodes(ctx, s, wanting(s, &wider), slices.DeleteFunc(elsewhere(s, &wider), func(h host) bool { return missed(s.Gaps, h.name) }), min(onwardLimit, 2*l.limit))
	l.spared = spare(s)
	slices.SortFunc(s.Nodes, func(a, b fact.Node) int { return strings.Compare(a.Name, b.Name) })
	fact.Tidy(s)
	if *sc, err = expect.Resolve(s); err != nil {
		return
	}
	l.send(ctx, s, expect.Plan{Published: expect.NotAsked(s, expect.Mesh(s, sc))})
	l.send(ctx, s, expect.Plan{Published: expect.MeshStages(s, sc)})
}

// missed: a node that was tried, and could not be looked at.
func missed(gaps []fact.Gap, name string) bool {
	return slices.ContainsFunc(gaps, func(g fact.Gap) bool { return g.Node == name && g.Kind == fact.KindNode })
}

// spare sets aside what was not seen of nodes that only the way onward to the
// published ports brought in: FROM, TO and all that is between them was seen, and
// that answer does not become unknown by a node that has no part in it. It is
// told, and the ports of those nodes are asked all the same (docs/adr/0005).
func spare(s *fact.Snapshot) []fact.Gap {
	if !s.Question.Mesh {
		return nil
	}
	q := s.Question
	s.Question.Mesh = false
	sc, err := expect.Resolve(s)
	s.Question = q
	if err != nil {
		return nil
	}
	var out []fact.Gap
	var path []string
	for _, id := range slices.Concat(expect.PathNodes(&sc), expect.Stricken(s, &sc)) {
		path = append(path, expect.NodeName(s, id))
	}
	for i := range s.Gaps {
		if g := &s.Gaps[i]; g.Kind == fact.KindNode && g.Class != fact.ClassAside && g.Node != "" && s.NodeNamed(g.Node) == nil && !slices.Contains(path, g.Node) {
			g.Class, g.Reason = fact.ClassAside, "not looked at, only asked for the published ports: "+strings.TrimPrefix(g.Reason, "not looked at: ")
			out = append(out, *g)
		}
	}
	return out
}

// more asks again where few nodes can ask, everything was answered and one look
// is enough: then this one may spend what both may.
func (l *look) more(ctx context.Context, s *fact.Snapshot, sc *expect.Scope) {
	list, _ := l.spent.within(expect.More(s, sc))
	list = slices.DeleteFunc(list, func(q fact.PublishedProbe) bool { return !check.Settled(s, &q) })
	if len(list) > 0 && ctx.Err() == nil && !check.WantsSecondLook(s, check.All()) {
		l.send(ctx, s, expect.Plan{Published: list})
	}
}

// spent counts requests to published ports by source and target, over both
// looks.
type spent map[requested]int

// requested is a source and a target; a port of UDP is another one than that of
// TCP with its number.
type requested struct {
	node, netns string
	target      netip.AddrPort
	udp         bool
}

func pairOf(p *fact.PublishedProbe) requested {
	return requested{p.From.Node, p.From.NetNS, p.Target, p.Proto == "udp"}
}

// within cuts a plan to what a run may still make (design: "Probing must not
// hurt"), and says what is left out altogether.
func (sp spent) within(plan []fact.PublishedProbe) (out, left []fact.PublishedProbe) {
	may := map[requested]int{}
	for _, p := range plan {
		k := pairOf(&p)
		if _, known := may[k]; !known {
			may[k] = expect.PairRequests - sp[k]
		}
		p.Count = min(p.Count, may[k])
		if may[k] -= p.Count; p.Count > 0 {
			out = append(out, p)
		} else {
			left = append(left, p)
		}
	}
	return out, left
}

// count notes what is about to be sent.
func (sp spent) count(plan []fact.PublishedProbe) {
	for _, p := range plan {
		sp[pairOf(&p)] += p.Count
	}
}

// carry takes over into a second look what the first one got where the second
// had no requests left to ask the same: it must not be forgotten that it failed.
func carry(second, first *fact.Snapshot, left []fact.PublishedProbe) {
	same := func(a, b *fact.PublishedProbe) bool {
		return a.From == b.From && a.Stage == b.Stage && a.Target == b.Target && a.Service == b.Service
	}
	for _, p := range expect.NotAsked(second, slices.Clone(first.Seen.Published)) {
		if slices.ContainsFunc(left, func(q fact.PublishedProbe) bool { return same(&p, &q) }) {
			second.Seen.Published = append(second.Seen.Published, p)
		}
	}
	sortSeen(&second.Seen)
}

// patience is how long a node may take for its part of a plan: requests that
// nobody answers take their time, and must not be lost with all the others.
func (l *look) patience(p *expect.Plan) time.Duration {
	if len(p.Published) > 0 {
		return max(l.limit, probe.PublishedLimit+l.limit/2)
	}
	return l.limit
}

// perPair is how many connections a plan needs for one pair of source and target.
func perPair(p *expect.Plan) int {
	if len(p.Published) > 0 {
		return expect.PairRequests
	}
	return perRequest
}
