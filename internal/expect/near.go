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
// than a third of its letters (at least two), nearest first.
func Nearest(name string, known []string) []string {
	type scored struct {
		name string
		d    int
	}
	var near []scored
	for _, k := range known {
		if d := distance(name, k); d <= max(2, len(name)/3) {
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

// distance is Levenshtein's, over bytes; names longer than 128 are cut.
func distance(a, b string) int {
	a, b = a[:min(len(a), 128)], b[:min(len(b), 128)]
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := prev[0]
		prev[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost++
			}
			diag, prev[j] = prev[j], min(cost, prev[j]+1, prev[j-1]+1)
		}
	}
	return prev[len(b)]
}
