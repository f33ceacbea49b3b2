package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// maroon makes node i an island: it has forgotten all others, and they it.
func maroon(s *fact.Snapshot, i int) {
	for k := 1; k <= 3; k++ {
		if k == i {
			continue
		}
		for _, p := range [][2]int{{i, k}, {k, i}} {
			if facttest.NodeOf(s, p[0]) != nil {
				forgetGossip(s, p[0], p[1])
				forgetPeer(s, p[0], p[1])
				facttest.Fail(s, p[0], facttest.Api(p[1]), fact.Unreachable)
				loseVXLAN(s, p[0], p[1])
			}
		}
	}
}

// oneSeen is a mutation of the snapshot that node 1 alone would have taken.
func oneSeen(mutate func(*fact.Snapshot)) func(*fact.Snapshot) {
	return func(s *fact.Snapshot) {
		*s = *facttest.OneNode()
		mutate(s)
	}
}

func TestGossipSplitIslands(t *testing.T) {
	id := "gossip-split-islands"
	mutations(t, []mutation{
		{name: "one node apart", mutate: twice(func(s *fact.Snapshot) { maroon(s, 3) }),
			want: want{id: id, node: "n3", subject: "n3", certainty: check.Strong}, explain: 2},
		{name: "this node apart", mutate: twice(func(s *fact.Snapshot) { maroon(s, 1) }),
			want: want{id: id, node: "n1", certainty: check.Strong}},
		{name: "one node apart, seen from the others' side only: its engine may hang", mutate: twice(oneSeen(func(s *fact.Snapshot) { maroon(s, 3) })),
			want: want{id: id, node: "n3", certainty: check.Hint}},
		{name: "this node apart, the others not seen", mutate: twice(oneSeen(func(s *fact.Snapshot) { maroon(s, 1) })),
			want: want{id: id, node: "n1", certainty: check.Strong}},
		{name: "a node that left and still knows the others", mutate: twice(func(s *fact.Snapshot) {
			forgetGossip(s, 1, 3)
			forgetGossip(s, 2, 3)
		}), want: want{id: id, node: "n3"}},
		{name: "the port is closed: another cause", mutate: func(s *fact.Snapshot) {
			maroon(s, 3)
			for k := 1; k <= 2; k++ {
				failPeer(s, k, 3, "gossip", fact.Timeout)
				failPeer(s, 3, k, "gossip", fact.Timeout)
			}
		}, want: want{id: "gossip-7946-blocked", node: "n3"}, check: id, answer: check.OK},
		{name: "the managers do not hear it either", mutate: func(s *fact.Snapshot) {
			forgetGossip(s, 1, 3)
			forgetGossip(s, 2, 3)
			s.Wanted.Node(facttest.Node(3)).State = "unknown"
		}, check: id, answer: check.OK},
		{name: "nobody tried the port", mutate: func(s *fact.Snapshot) {
			maroon(s, 3)
			s.Seen.Peers = nil
		}, check: id, answer: check.Unknown},
		{name: "a network it has no endpoint on", mutate: func(s *fact.Snapshot) {
			facttest.NodeOf(s, 3).Engine.Network(facttest.App).Instantiated = false
		}, check: id, answer: check.OK},
	})
}
