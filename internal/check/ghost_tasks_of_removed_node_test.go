package check_test

// Engines since 19.03 end the tasks of a node when it is removed, and the other
// form takes longer than five minutes, so the lab has no fault for this.

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// ghostly adds a task of api that is not wanted for so long and runs, on a node.
func ghostly(s *fact.Snapshot, node fact.NodeID, ago time.Duration) {
	old := *s.Wanted.Task(facttest.Api(3))
	old.ID, old.Node, old.Desired, old.Updated = goneTask, node, "shutdown", facttest.Taken.Add(-ago)
	s.Wanted.Tasks = append(s.Wanted.Tasks, old)
}

func TestGhostTasks(t *testing.T) {
	id := "ghost-tasks-of-removed-node"
	const removed = fact.NodeID("gonenode00000000000000000")
	mutations(t, []mutation{
		{name: "its node was removed", mutate: func(s *fact.Snapshot) { ghostly(s, removed, time.Hour) },
			want: want{id: id, subject: string(removed), certainty: check.Proof}},
		{name: "its node was removed, and the task is wanted", mutate: func(s *fact.Snapshot) {
			ghostly(s, removed, time.Hour)
			s.Wanted.Tasks[len(s.Wanted.Tasks)-1].Desired = "running"
			s.Wanted.Tasks[len(s.Wanted.Tasks)-1].Addresses = nil
		}, want: want{id: id, subject: string(removed)}},
		{name: "its node is down for ten minutes", mutate: func(s *fact.Snapshot) {
			ghostly(s, facttest.Node(3), 10*time.Minute)
			down(s, 3)
		},
			want: want{id: id, node: "n3", subject: "n3", certainty: check.Proof}},
		{name: "its node hangs: it follows", mutate: twice(oneSeen(func(s *fact.Snapshot) {
			ghostly(s, facttest.Node(3), 10*time.Minute)
			abandon(s, 3)
			down(s, 3)
		})), want: want{id: "dockerd-hung", node: "n3"}, explain: 1},
		{name: "its node is down for two minutes", mutate: func(s *fact.Snapshot) {
			ghostly(s, facttest.Node(3), 2*time.Minute)
			down(s, 3)
		}, check: id, answer: check.OK},
		{name: "its node is there, and takes its time", mutate: func(s *fact.Snapshot) { ghostly(s, facttest.Node(3), 10*time.Minute) }, check: id, answer: check.OK},
		{name: "it ended, and its node was removed", mutate: func(s *fact.Snapshot) {
			ghostly(s, removed, time.Hour)
			s.Wanted.Tasks[len(s.Wanted.Tasks)-1].State = "orphaned"
		}, check: id, answer: check.OK},
	})
}
