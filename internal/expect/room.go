package expect

import (
	"strconv"

	"fairway/internal/fact"
)

// RowsEach is how many rows a sweep may add to a host's neighbour table whose
// size is not known: half of the 1024 that Linux keeps unless told otherwise
// (gc_thresh3, arp(7)). One table serves all namespaces of a host, and a
// connection from task to task costs a row where either is. Once the table is
// full the kernel refuses rows to everybody there for seconds.
const RowsEach = 512

// room is how many rows a sweep may still add on each host, by its name.
type room struct {
	s    *fact.Snapshot
	left map[string]int
}

func roomOf(s *fact.Snapshot) room { return room{s, map[string]int{}} }

func (r room) on(node string) int {
	n, known := r.left[node]
	if !known {
		n = rowsAllowed(r.s.NodeNamed(node))
		r.left[node] = n
	}
	return n
}

// rowsAllowed is half of what a host's table holds.
func rowsAllowed(n *fact.Node) int {
	if n == nil || n.Kernel.Host() == nil {
		return RowsEach
	}
	most, _ := n.Kernel.Host().Sysctl("net.ipv4.neigh.default.gc_thresh3")
	if rows, err := strconv.Atoi(most); err == nil && rows > 0 {
		return rows / 2
	}
	return RowsEach
}

// has reports whether a connection between two ends still fits on both hosts.
func (r room) has(from, to *End) bool {
	if from.NodeName == to.NodeName {
		return r.on(from.NodeName) >= 2
	}
	return r.on(from.NodeName) >= 1 && r.on(to.NodeName) >= 1
}

func (r room) take(from, to *End) {
	r.left[from.NodeName] = r.on(from.NodeName) - 1
	r.left[to.NodeName] = r.on(to.NodeName) - 1
}

// fitting lowers how many targets each source tries until no host gets more
// rows than it has room for; to one at least.
func fitting(s *fact.Snapshot, sources []*End, targets []End, networks, each int) int {
	for each > 1 {
		r, worst := roomOf(s), 1.0
		for i, from := range sources {
			for _, to := range inTurn(targets, i*each)[:each] {
				for range max(1, networks) {
					r.take(from, &to)
				}
			}
		}
		for node, left := range r.left {
			if allowed := rowsAllowed(s.NodeNamed(node)); left < 0 {
				worst = max(worst, float64(allowed-left)/float64(max(1, allowed)))
			}
		}
		if worst == 1 {
			break
		}
		each = max(1, min(each-1, int(float64(each)/worst)))
	}
	return each
}
