package expect

import (
	"slices"

	"fairway/internal/fact"
)

// Names lists every name a question may use: services, standalone containers
// and, where no manager answered, the services that gossip knows.
func Names(s *fact.Snapshot) []string {
	var out []string
	add := func(n string) {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	if s.Wanted != nil {
		for _, svc := range s.Wanted.Services {
			add(svc.Name)
		}
	}
	for _, n := range s.Nodes {
		if n.Engine == nil {
			continue
		}
		for _, c := range n.Engine.Containers {
			if c.TaskID == "" {
				add(c.Name)
			}
			add(c.ServiceName)
		}
		for _, net := range n.Engine.Networks {
			for _, svc := range net.Services {
				add(svc.Name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Nearest picks at most three names that differ from the one typed in no more
// than a third of its letters (at least one; two that changed places count as
// one), nearest first, each once.
func Nearest(name string, known []string) []string {
	type scored struct {
		name string
		d    int
	}
	var near []scored
	for _, k := range known {
		if d := distance(name, k); d <= max(1, len(name)/3) && !slices.ContainsFunc(near, func(n scored) bool { return n.name == k }) {
			near = append(near, scored{k, d})
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int { return a.d - b.d })
	var out []string
	for _, n := range near[:min(3, len(near))] {
		out = append(out, n.name)
	}
	return out
}

// distance is Levenshtein's with neighbours that changed places as one step
// (optimal string alignment), over bytes; names longer than 128 are cut.
func distance(a, b string) int {
	a, b = a[:min(len(a), 128)], b[:min(len(b), 128)]
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 0
			if a[i-1] != b[j-1] {
				cost = 1
			}
			row[j] = min(prev[j-1]+cost, prev[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
