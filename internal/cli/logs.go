package cli

import (
	"context"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// listen asks nodes for their logs, while probes are on their way; the function
// it returns waits for them and notes what they say.
func (l *look) listen(ctx context.Context, s *fact.Snapshot, sc *expect.Scope) func() {
	windows := expect.Windows(s, sc)
	wanted := expect.LogNodes(s, sc)
	var nodes []fact.Node // as they are now: probing goes on meanwhile
	for _, n := range s.Nodes {
		if l.allNodes || slices.Contains(wanted, n.ID) || n.ID == "" {
			nodes = append(nodes, n)
		}
	}
	done := make(chan []fleet.Asked[fact.Node, *fleet.LogAnswer], 1)
	go func() {
		done <- fleet.All(ctx, 2*l.limit, nodes, func(ctx context.Context, n fact.Node) (*fleet.LogAnswer, error) {
			return l.ways.open(n.ID).Logs(ctx, fleet.LogRequest{Windows: expect.ByClockOf(&n, windows)})
		})
	}()
	return func() {
		for _, a := range <-done {
			heard(s, &a.Key, a.Answer, a.Err)
		}
	}
}

// heard notes what one node's logs say.
func heard(s *fact.Snapshot, of *fact.Node, a *fleet.LogAnswer, err error) {
	if err != nil {
		s.Gaps = append(s.Gaps, fact.Gap{Node: of.Name, Kind: fact.KindLogs, Class: fact.ClassTimeout, Reason: "read its logs: " + plainly(err)})
		return
	}
	for _, g := range a.Gaps {
		g.Node = of.Name
		s.Gaps = append(s.Gaps, g)
	}
	i := slices.IndexFunc(s.Nodes, func(n fact.Node) bool { return n.ID == of.ID && n.Name == of.Name })
	if i >= 0 && len(a.Said.Sources) > 0 {
		s.Nodes[i].Said = &a.Said
	}
}

// logHosts are the nodes off the path whose logs belong to the question all the
// same: managers, the hosts of tasks that failed, and every node where that is
// asked for.
func (l *look) logHosts(s *fact.Snapshot, sc *expect.Scope, onPath []host) []host {
	if s.Wanted == nil || agentService(s) == nil && l.ways.ssh == nil && !l.allNodes {
		return nil
	}
	var out []host
	ids := expect.LogNodes(s, sc)
	for _, h := range everyoneElse(s) {
		known := slices.ContainsFunc(onPath, func(o host) bool { return o.id == h.id })
		if n := s.Wanted.Node(h.id); n != nil && n.Availability == "drain" && l.ways.ssh == nil && !l.allNodes {
			continue // no agent runs there, and aside says so
		}
		if !known && (l.allNodes || slices.Contains(ids, h.id)) {
			out = append(out, h)
		}
	}
	return out
}

// quieter turns the gaps of nodes that were asked for their logs only into what
// they are: their logs are missing, and where nobody asked for every node that
// hides nothing.
func (l *look) quieter(s *fact.Snapshot, hosts []host) {
	for i := range s.Gaps {
		g := &s.Gaps[i]
		if g.Kind != fact.KindNode || !slices.ContainsFunc(hosts, func(h host) bool { return h.name == g.Node }) {
			continue
		}
		g.Kind = fact.KindLogs
		if !l.allNodes {
			g.Class = fact.ClassAside
		}
	}
}
