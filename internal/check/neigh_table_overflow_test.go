package check_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// full sets the size of node 1's table of neighbours and how many rows it has.
func full(s *fact.Snapshot, rows, most int) {
	t := facttest.NodeOf(s, 1).Kernel.NeighbourTable("arp_cache")
	t.Entries, t.Thresh3 = rows, most
}

func refusedRows(s *fact.Snapshot, before, more uint64) {
	c := facttest.NodeOf(s, 1).Kernel.Host().Counter("", "arp_cache.table_fulls")
	c.Before, c.After = before, before+more
}

func overflow(s *fact.Snapshot) {
	facttest.Say(s, 1, 30*time.Second, fact.Statement{From: fact.FromKernel, ID: "neigh-table-full", Text: "neighbour: arp_cache: neighbor table overflow!"})
}

func TestNeighTableOverflow(t *testing.T) {
	id := "neigh-table-overflow"
	strong := want{id: id, node: "n1", subject: "n1", certainty: check.Strong}
	hint := want{id: id, node: "n1", subject: "n1", certainty: check.Hint}
	mutations(t, []mutation{
		{name: "rows are refused while we look", mutate: twice(func(s *fact.Snapshot) { full(s, 1030, 1024); refusedRows(s, 5, 12) }), want: strong},
		{name: "full, and a connection fails", mutate: func(s *fact.Snapshot) { full(s, 1030, 1024); facttest.Fail(s, 1, facttest.Api(1), fact.Unreachable) }, want: strong},
		{name: "the kernel says so, and has counted none", mutate: overflow, check: id, answer: check.OK},
		{name: "nearly full", mutate: func(s *fact.Snapshot) { full(s, 1020, 1024) }, want: hint},
		{name: "by the setting alone", mutate: func(s *fact.Snapshot) {
			k := facttest.NodeOf(s, 1).Kernel
			k.NeighbourTables = nil
			setSysctl(k.Host(), "net.ipv4.neigh.default.gc_thresh3", "8")
		}, want: hint},
		{name: "permanent rows do not count", mutate: func(s *fact.Snapshot) {
			full(s, 1024, 1024)
			ns := facttest.Overlay(s, 1)
			for range 200 {
				ns.Neighbours = append(ns.Neighbours, fact.Neighbour{IP: facttest.WebIP(2), Link: 10, State: fact.Permanent})
			}
		}, check: id, answer: check.OK},
		{name: "more than fits: the rest is permanent, in namespaces that nobody read", mutate: func(s *fact.Snapshot) { full(s, 1484, 1024) }, check: id, answer: check.OK},
		{name: "room", mutate: func(s *fact.Snapshot) { full(s, 800, 1024) }, check: id, answer: check.OK},
		{name: "refused in former times", mutate: func(s *fact.Snapshot) { refusedRows(s, 99, 0) }, check: id, answer: check.OK},
		{name: "no limit is known", mutate: func(s *fact.Snapshot) {
			k := facttest.NodeOf(s, 1).Kernel
			k.NeighbourTables, k.Host().Sysctls, k.Host().Counters = nil, nil, nil
		}, check: id, answer: check.Unknown},
		{name: "nobody could count", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 1, fact.KindCounters) }, check: id, answer: check.Unknown},
	})
}

// The kernel's own line dates what its counter knows. Without logs nobody knows
// whether that was lately.
func TestNeighTableOverflowThatWas(t *testing.T) {
	s := facttest.Healthy()
	refusedRows(s, 5, 0)
	overflow(s)
	wantCause(t, run(t, s), want{id: "neigh-table-overflow", node: "n1", subject: "n1", certainty: check.Strong})
	facttest.Miss(s, 1, fact.KindLogs)
	wantAnswer(t, run(t, s), "neigh-table-overflow", check.Unknown)
}

// Before Linux 5.0 permanent rows count, too.
func TestNeighTableOverflowOfOldKernels(t *testing.T) {
	s := facttest.Healthy()
	for i := range s.Nodes {
		s.Nodes[i].Kernel.Release = "4.15.0"
	}
	ns := facttest.Overlay(s, 1)
	for range 1100 {
		ns.Neighbours = append(ns.Neighbours, fact.Neighbour{IP: facttest.WebIP(2), Link: 10, State: fact.Permanent})
	}
	full(s, 1120, 1024)
	wantAnswer(t, run(t, s), "neigh-table-overflow", check.Failed)
}

// TestNeighTableOverflowExplains: what a table without room does to others is
// blamed on it, not on the path between the hosts. Seen in a lab: a pair on one
// node failed, too, and yet UDP between the hosts was named.
func TestNeighTableOverflowExplains(t *testing.T) {
	s := facttest.Healthy()
	full(s, 1040, 1024)
	refusedRows(s, 3, 40)
	loseVXLAN(s, 1, 2)
	loseVXLAN(s, 1, 3)
	for k := 1; k <= 3; k++ {
		facttest.Fail(s, 1, facttest.Api(k), fact.Timeout)
	}
	cutOff(s, 1, 2)
	dropNeigh(s, 1, facttest.ApiIP(3))
	s.Earlier = s
	r := run(t, s)
	if len(r.Causes) != 1 || r.Causes[0].ID != "neigh-table-overflow" || len(r.Causes[0].Explains) < 4 {
		t.Errorf("causes %s, explains %q", ids(r.Causes), r.Causes[0].Explains)
	}
}
