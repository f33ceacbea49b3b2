package check_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

const gaveUp = "Could not attach to network app: attaching to network failed, make sure your network options are correct and check manager logs: context deadline exceeded"

func unattached(s *fact.Snapshot, i int) {
	facttest.Say(s, i, time.Minute, fact.Statement{ID: "network-attach-timeout", Network: "app", Text: gaveUp})
}

// attachment is a standalone container's task on node 1, in some state.
func attachment(s *fact.Snapshot, state string, ago time.Duration) {
	t := *s.Wanted.Task(facttest.Api(1))
	t.ID, t.ServiceID, t.Service, t.Slot, t.Container, t.State = "attach1000000000000000000", "", "", 0, "", state
	t.Created = facttest.Taken.Add(-ago)
	t.Updated, t.StateSince = t.Created, t.Created
	s.Wanted.Tasks = append(s.Wanted.Tasks, t)
}

func TestNetworkAttachTimeout(t *testing.T) {
	id := "network-attach-timeout"
	mutations(t, []mutation{
		{name: "the log says so", mutate: func(s *fact.Snapshot) { unattached(s, 1) }, want: want{id: id, node: "n1", subject: "app", certainty: check.Hint}},
		{name: "and one still waits", mutate: func(s *fact.Snapshot) { unattached(s, 1); attachment(s, "pending", 15*time.Second) },
			want: want{id: id, node: "n1", subject: "app", certainty: check.Strong}},
		{name: "a network that is gone", mutate: func(s *fact.Snapshot) {
			facttest.Say(s, 1, time.Minute, fact.Statement{ID: id, Network: "gone", Text: gaveUp})
		}, want: want{id: id, node: "n1", subject: "n1", certainty: check.Hint}},
		{name: "one waits, and nobody gave up", mutate: func(s *fact.Snapshot) { attachment(s, "pending", 15*time.Second) }, check: id, answer: check.OK},
		{name: "yesterday", mutate: func(s *fact.Snapshot) {
			facttest.Say(s, 1, 24*time.Hour, fact.Statement{ID: id, Network: "app", Text: gaveUp})
		}, check: id, answer: check.OK},
		{name: "no log", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 1, fact.KindLogs) }, check: id, answer: check.Unknown},
	})
}

// What stands in the way is the cause, the attachment its consequence.
func TestNetworkAttachTimeoutFollows(t *testing.T) {
	s := facttest.Healthy()
	withIdle(s)
	s.Question = fact.Question{All: true}
	stray(facttest.NodeOf(s, 1).Kernel.Host(), "vx-001009-netid", 4105, false)
	facttest.Say(s, 1, time.Minute, fact.Statement{ID: "network-attach-timeout", Network: "idle", Text: gaveUp})
	s.Earlier = s
	r := run(t, s)
	if len(r.Causes) != 1 || r.Causes[0].ID != "vxlan-file-exists" || len(r.Causes[0].Explains) == 0 {
		t.Errorf("causes %+v", r.Causes)
	}
}
