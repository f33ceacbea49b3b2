package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// down makes the managers call node i down.
func down(s *fact.Snapshot, i int) {
	n := s.Wanted.Node(facttest.Node(i))
	n.State, n.Message = "down", "heartbeat failure"
}

// twice is a mutation that both looks saw.
func twice(mutate func(*fact.Snapshot)) func(*fact.Snapshot) {
	return func(s *fact.Snapshot) { again(s, mutate) }
}

func TestManagerPathBlocked(t *testing.T) {
	id := "manager-path-2377-blocked"
	w := want{id: id, node: "n3", subject: "n3", certainty: check.Strong}
	mutations(t, []mutation{
		{name: "the node itself reaches no manager", mutate: func(s *fact.Snapshot) {
			down(s, 3)
			failPeer(s, 3, 1, "manager", fact.Timeout)
			failPeer(s, 3, 2, "manager", fact.Timeout)
		}, want: w},
		{name: "it was not seen: from this side, a manager's port", mutate: oneSeen(func(s *fact.Snapshot) {
			down(s, 3)
			failPeer(s, 1, 3, "manager", fact.Timeout)
		}), want: w},
		{name: "it was not seen, and is a worker", mutate: twice(oneSeen(func(s *fact.Snapshot) {
			down(s, 3)
			s.Wanted.Node(facttest.Node(3)).Role = "worker"
			s.Seen.Peers = s.Seen.Peers[:3]
		})), want: w},
		{name: "its task was to be started elsewhere and finds no place: it follows", mutate: twice(oneSeen(func(s *fact.Snapshot) {
			down(s, 3)
			failPeer(s, 1, 3, "manager", fact.Timeout)
			unplace(s, "no suitable node (max replicas per node limit exceed)", 3)
		})), want: w, explain: 1},
		{name: "all ports are open to it: just back", mutate: func(s *fact.Snapshot) { down(s, 3) }, check: id, answer: check.Unknown},
		{name: "gossip does not hear it either, nor was it seen: another cause", mutate: twice(oneSeen(func(s *fact.Snapshot) {
			down(s, 3)
			abandon(s, 3)
		})), want: want{id: "dockerd-hung", node: "n3"}, check: id, answer: check.Unknown},
		{name: "nor does its engine run", mutate: func(s *fact.Snapshot) {
			down(s, 3)
			failPeer(s, 1, 3, "", fact.Refused)
			failPeer(s, 2, 3, "", fact.Refused)
		}, check: id, answer: check.OK},
	})
}
