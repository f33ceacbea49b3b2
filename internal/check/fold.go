package check

import (
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// located is a finding with the check that made it and what it led to.
type located struct {
	Finding
	check *Check
	// rank is the check's place in the list: earlier borders come first.
	rank int
	// under are the findings it explains.
	under []*located
	root  bool
}

// fold hangs every finding under those that explain it (reference: cause and
// consequence) and returns the roots. A finding may hang under several roots;
// a circle leaves its earliest member as a root.
func fold(s *fact.Snapshot, all []*located) []*located {
	for _, f := range all {
		f.root = true
	}
	for _, f := range all {
		for _, g := range all {
			if g != f && !(g.Meek && f.Certainty != Hint) && slices.Contains(f.check.Because, g.check.ID) && covers(s, &g.Finding, &f.Finding) && !hangsUnder(g, f) {
				g.under = append(g.under, f)
				f.root = false
			}
		}
	}
	var roots []*located
	for _, f := range all {
		if f.root {
			roots = append(roots, f)
		}
	}
	return roots
}

func hangsUnder(g, f *located) bool {
	return slices.ContainsFunc(f.under, func(x *located) bool { return x == g || hangsUnder(g, x) })
}

// covers reports whether g is about the same objects as f, or about wider ones.
func covers(s *fact.Snapshot, g, f *Finding) bool {
	if g.Network != "" && f.Network != "" && g.Network != f.Network {
		return false
	}
	switch g.Subject.Kind {
	case "task":
		if !slices.Contains(f.objects(s).tasks, fact.TaskID(g.Subject.ID)) {
			return false
		}
	case "service":
		if !touchesService(s, f, fact.ServiceID(g.Subject.ID)) {
			return false
		}
	case "network":
		if g.Unstarted && !slices.ContainsFunc(g.Services, func(id fact.ServiceID) bool { return touchesService(s, f, id) }) {
			return false
		}
	}
	near := nodesOf(s, f)
	return (g.Node == "" || len(near) == 0 || slices.Contains(near, g.Node) || g.Peer != "" && slices.Contains(near, g.Peer)) &&
		(g.Peer == "" || len(near) == 0 || slices.Contains(near, g.Peer))
}

func touchesService(s *fact.Snapshot, f *Finding, id fact.ServiceID) bool {
	o := f.objects(s)
	if slices.Contains(o.services, id) {
		return true
	}
	return slices.ContainsFunc(o.tasks, func(t fact.TaskID) bool {
		task := s.Wanted.Task(t)
		return task != nil && task.ServiceID == id
	})
}

// nodesOf lists the host names a finding is about, its tasks' nodes included.
func nodesOf(s *fact.Snapshot, f *Finding) []string {
	var out []string
	add := func(n string) {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	add(f.Node)
	add(f.Peer)
	o := f.objects(s)
	for _, id := range o.nodes {
		add(expect.NodeName(s, id))
	}
	for _, id := range o.tasks {
		if t := s.Wanted.Task(id); t != nil && t.Node != "" {
			add(expect.NodeName(s, t.Node))
		}
	}
	return out
}

// onPath reports whether a finding lies on a path of the question.
func onPath(s *fact.Snapshot, sc *expect.Scope, f *Finding) bool {
	if s.Question.All {
		return true
	}
	if f.Only == Leaving || f.Only == NoTraffic || f.Only == Entering && len(sc.Mesh) == 0 {
		return false
	}
	if f.Unstarted {
		return slices.ContainsFunc(f.Services, func(id fact.ServiceID) bool {
			return slices.Contains(sc.FromServices, id) || slices.Contains(sc.ToServices, id)
		})
	}
	// Ports of hosts alone lead over no overlay.
	hostsOnly := s.Question.To == "" && len(sc.Mesh) > 0
	if nets := sc.Overlays(); f.Network != "" && (len(nets) > 0 || hostsOnly) && !slices.Contains(nets, f.Network) {
		return false
	}
	from, to := append(hosts(sc.From), meshed(s, sc)...), hosts(sc.To)
	if f.Peer != "" && !paired(from, to, f.Node, f.Peer) {
		return false
	}
	switch f.Subject.Kind {
	case "task", "container":
		return endOnPath(s, sc, f, from, to)
	case "service":
		id := fact.ServiceID(f.Subject.ID)
		return slices.Contains(sc.FromServices, id) || slices.Contains(sc.ToServices, id)
	}
	return f.Node == "" || slices.Contains(from, f.Node) || slices.Contains(to, f.Node) || restless(s, sc, f.Node)
}

// restless: a node that went down holds no end any more; its tasks of the
// question's services are not at rest.
func restless(s *fact.Snapshot, sc *expect.Scope, node string) bool {
	return s.Wanted != nil && slices.ContainsFunc(s.Wanted.Tasks, func(t fact.Task) bool {
		ours := slices.Contains(sc.FromServices, t.ServiceID) || slices.Contains(sc.ToServices, t.ServiceID)
		return ours && t.Node != "" && !t.Terminal() && expect.NodeName(s, t.Node) == node
	})
}

// endOnPath: a finding about an end counts where that end is, or on a node that
// holds an opposite end (its rows for this one).
func endOnPath(s *fact.Snapshot, sc *expect.Scope, f *Finding, from, to []string) bool {
	isFrom, isTo := findEnd(sc.From, f), findEnd(sc.To, f)
	for _, id := range f.Tasks {
		isTo = isTo || slices.ContainsFunc(sc.To, func(e expect.End) bool { return e.Task == id })
	}
	if !isFrom && !isTo {
		return ofService(s, sc, f)
	}
	t := s.Wanted.Task(fact.TaskID(f.Subject.ID))
	if f.Node == "" || t == nil || expect.NodeName(s, t.Node) == f.Node {
		return true
	}
	return isTo && slices.Contains(from, f.Node) || isFrom && slices.Contains(to, f.Node)
}

// ofService: a task that is no end any more (it failed, or is gone) counts when
// its service is an end.
func ofService(s *fact.Snapshot, sc *expect.Scope, f *Finding) bool {
	t := s.Wanted.Task(fact.TaskID(f.Subject.ID))
	if t != nil && t.Running() {
		return false
	}
	if t != nil {
		return slices.Contains(sc.FromServices, t.ServiceID) || slices.Contains(sc.ToServices, t.ServiceID)
	}
	return slices.ContainsFunc(f.Services, func(id fact.ServiceID) bool {
		return slices.Contains(sc.FromServices, id) || slices.Contains(sc.ToServices, id)
	})
}

func findEnd(ends []expect.End, f *Finding) bool {
	return slices.ContainsFunc(ends, func(e expect.End) bool {
		return f.Subject.ID != "" && (string(e.Task) == f.Subject.ID || string(e.Container) == f.Subject.ID)
	})
}

func hosts(ends []expect.End) []string {
	var out []string
	for _, e := range ends {
		if e.NodeName != "" && !slices.Contains(out, e.NodeName) {
			out = append(out, e.NodeName)
		}
	}
	return out
}

// meshed are the hosts whose published ports are asked about: all that listen.
func meshed(s *fact.Snapshot, sc *expect.Scope) []string {
	if len(sc.Mesh) == 0 {
		return nil
	}
	var out []string
	for _, id := range sc.Nodes {
		out = append(out, expect.NodeName(s, id))
	}
	return out
}

func paired(from, to []string, a, b string) bool {
	return slices.Contains(from, a) && slices.Contains(to, b) || slices.Contains(to, a) && slices.Contains(from, b)
}
