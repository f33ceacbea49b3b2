package cli

import (
	"cmp"
	"fmt"
	"slices"

	"fairway/internal/collect"
	"fairway/internal/fact"
)

// mute is the snapshot of a host whose engine takes connections and answers
// nobody: all that is known is that.
func mute(q fact.Question, o LookOptions, e *collect.SilentError) *fact.Snapshot {
	node := cmp.Or(o.Hostname, "this node")
	gap := fact.Gap{Node: node, Kind: fact.KindInfo, Class: fact.ClassTimeout, Do: e.Do(),
		Reason: fmt.Sprintf("the engine of %s hangs: it took the connection to %s and did not answer within %v", node, e.Host, e.Limit)}
	unasked := fact.Gap{Kind: fact.KindSwarm, Class: fact.ClassTimeout,
		Reason: "ask the managers: the way to them is the engine that hangs", Do: "run fairway on another manager"}
	s := &fact.Snapshot{Format: fact.Format, Tool: o.Version, Taken: o.Now(), Question: q, Gaps: []fact.Gap{gap, unasked}}
	gap.Kind = fact.KindNode
	s.Gaps = append(s.Gaps, gap)
	fact.Tidy(s)
	return s
}

// hungHere notes this host as a node that is known, and whose engine answers
// some questions and not others, where the managers know one node of its name.
func (l *look) hungHere(s *fact.Snapshot, gaps []fact.Gap) {
	for i := range gaps {
		gaps[i].Node = cmp.Or(gaps[i].Node, l.hostname)
	}
	if s.Wanted == nil || !l.engine.Local() {
		return
	}
	named := func(n fact.SwarmNode) bool { return n.Hostname == l.hostname && l.hostname != "" }
	i := slices.IndexFunc(s.Wanted.Nodes, named)
	if i < 0 || slices.ContainsFunc(s.Wanted.Nodes[i+1:], named) {
		return
	}
	s.Here, s.Nodes = s.Wanted.Nodes[i].ID, []fact.Node{{ID: s.Wanted.Nodes[i].ID, Name: l.hostname}}
	s.Gaps = append(s.Gaps, fact.Gap{Node: l.hostname, Kind: fact.KindNode, Class: fact.ClassTimeout, Reason: "its engine did not answer"})
}
