package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// result is what one check came to on one snapshot.
type result struct {
	check    *Check
	findings []Finding
	blind    []string
}

// runAll asks every check. It is sequential and pure.
func runAll(s *fact.Snapshot, sc *expect.Scope, checks []*Check) []result {
	out := make([]result, 0, len(checks))
	for _, c := range checks {
		out = append(out, runOne(s, sc, c))
	}
	return out
}

func runOne(s *fact.Snapshot, sc *expect.Scope, c *Check) result {
	in := &In{Snapshot: s, Scope: sc}
	for _, k := range c.Needs {
		if k != fact.KindSwarm {
			continue
		}
		if g := s.Missing("", "", k); g != nil || s.Wanted == nil {
			return result{check: c, blind: []string{reasonOf(g, "the managers' view is missing")}}
		}
	}
	in.Sighted = in.sighted(c)
	findings := c.Run(in)
	slices.SortFunc(findings, func(a, b Finding) int { return strings.Compare(a.key(), b.key()) })
	slices.Sort(in.blind)
	return result{check: c, findings: findings, blind: in.blind}
}

func reasonOf(g *fact.Gap, otherwise string) string {
	if g == nil {
		return otherwise
	}
	return g.Reason
}

// sighted lists the nodes the check can judge and records those it cannot.
func (in *In) sighted(c *Check) []*fact.Node {
	if !slices.ContainsFunc(c.Needs, func(k fact.Kind) bool { return k != fact.KindSwarm }) {
		return nil
	}
	path, stricken := sideNodes(in.Scope, c.Side), expect.Stricken(in.Snapshot, in.Scope)
	var out []*fact.Node
	for i := range in.Nodes {
		n := &in.Nodes[i]
		// An engine that did not say which node it is may be any of them.
		onPath := n.ID == "" || slices.Contains(path, n.ID)
		if !onPath && n.ID != in.Here && !slices.Contains(stricken, n.ID) {
			continue
		}
		g := in.lacks(n, c)
		if g == nil {
			out = append(out, n)
		}
		if g == nil && in.Wanted == nil {
			// Without managers and gossip nobody knows what else is on the path.
			g = in.Missing(n.Name, "", fact.KindNetworks)
		}
		if g != nil && onPath {
			in.Blind("%s: %s", n.Name, g.Reason)
		}
	}
	if unseen := in.unseen(c.Side); len(unseen) > 0 {
		in.Blind("not looked at: %s", listed(unseen))
	}
	return out
}

// unseen lists the hosts on a side of the path that nobody looked at. Without
// the managers a host is known by its address only.
func (in *In) unseen(side Side) []string {
	var out []string
	ends := sideEnds(in.Scope, side)
	for _, id := range in.Scope.Nodes {
		ends = append(ends, expect.End{Node: id, NodeName: expect.NodeName(in.Snapshot, id)})
	}
	for _, e := range ends {
		if in.Node(e.Node) == nil && e.NodeName != "" && !slices.Contains(out, e.NodeName) {
			out = append(out, e.NodeName)
		}
	}
	return out
}

// listed writes names in one line, the first five of many.
func listed(names []string) string {
	if n := len(names); n > 6 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), n-5)
	}
	return strings.Join(names, ", ")
}

func (in *In) lacks(n *fact.Node, c *Check) *fact.Gap {
	for _, k := range c.Needs {
		if k == fact.KindSwarm {
			continue
		}
		if g := in.Missing(n.Name, "", k); g != nil {
			return g
		}
	}
	return nil
}

func sideNodes(sc *expect.Scope, side Side) []fact.NodeID {
	return expect.PathNodes(&expect.Scope{From: sideEnds(sc, side), Nodes: sc.Nodes})
}

func sideEnds(sc *expect.Scope, side Side) []expect.End {
	switch side {
	case FromSide:
		return slices.Clone(sc.From)
	case ToSide:
		return slices.Clone(sc.To)
	}
	return slices.Concat(sc.From, sc.To)
}

// key tells findings apart across looks.
func (f *Finding) key() string {
	return strings.Join([]string{f.Node, string(f.Network), f.Subject.Kind, f.Subject.ID, f.Subject.Name, f.Peer}, "|")
}
