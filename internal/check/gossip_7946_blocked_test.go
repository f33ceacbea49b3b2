package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// blockGossip makes node i forget node k, its gossip port silent.
func blockGossip(s *fact.Snapshot, i, k int, o fact.Outcome) {
	failPeer(s, i, k, "gossip", o)
	forgetGossip(s, i, k)
	forgetPeer(s, i, k)
	loseVXLAN(s, i, k)
}

func TestGossip7946Blocked(t *testing.T) {
	id := "gossip-7946-blocked"
	mutations(t, []mutation{
		{name: "with one peer", mutate: func(s *fact.Snapshot) { blockGossip(s, 1, 3, fact.Timeout) },
			want: want{id: id, node: "n1", peer: "n3", subject: "n3", certainty: check.Strong}, explain: 1},
		{name: "with every peer: this node's firewall", mutate: func(s *fact.Snapshot) {
			blockGossip(s, 1, 2, fact.Timeout)
			blockGossip(s, 1, 3, fact.Refused)
		}, want: want{id: id, node: "n1", subject: "n1", certainty: check.Strong}, explain: 2},
		{name: "the port is open: another cause", mutate: func(s *fact.Snapshot) { blockGossip(s, 1, 3, fact.Open) },
			check: id, answer: check.OK},
		{name: "the managers do not hear it either", mutate: func(s *fact.Snapshot) {
			blockGossip(s, 1, 3, fact.Timeout)
			s.Wanted.Node(facttest.Node(3)).State = "down"
		}, check: id, answer: check.OK},
		{name: "its host is silent altogether", mutate: func(s *fact.Snapshot) {
			blockGossip(s, 1, 3, fact.Timeout)
			failPeer(s, 1, 3, "manager", fact.Timeout)
		}, want: want{id: "underlay-peer-unreachable", node: "n1", peer: "n3"}, check: id, answer: check.OK},
		{name: "silent, but gossip still knows it", mutate: func(s *fact.Snapshot) { failPeer(s, 1, 3, "gossip", fact.Timeout) },
			check: id, answer: check.OK},
		{name: "no endpoint here: absence is no evidence", mutate: func(s *fact.Snapshot) {
			blockGossip(s, 1, 3, fact.Timeout)
			facttest.NodeOf(s, 1).Engine.Network(facttest.App).Instantiated = false
		}, check: id, answer: check.OK},
		{name: "its port was not tried", mutate: func(s *fact.Snapshot) {
			blockGossip(s, 1, 3, fact.Timeout)
			s.Seen.Peers = nil
		}, check: id, answer: check.Unknown},
	})
}
