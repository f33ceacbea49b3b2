package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// queue lets so many connections wait for api's task 2, and the kernel drop some
// more while probes run.
func queue(s *fact.Snapshot, waiting, backlog uint32, dropped uint64) {
	ns := facttest.SandboxOf(s, 2, facttest.Api(2))
	if ns == nil || len(ns.Sockets) == 0 {
		return
	}
	ns.Sockets[0].Queue, ns.Sockets[0].Backlog = waiting, backlog
	if c := ns.Counter("", "TcpExt.ListenOverflows"); c != nil {
		c.Before, c.After = 7, 7+dropped
	}
}

func late(s *fact.Snapshot) {
	for i := range s.Seen.TCP {
		if s.Seen.TCP[i].To == facttest.Api(2) {
			s.Seen.TCP[i].Late, s.Seen.TCP[i].Tries = true, 2
		}
	}
}

func silent(s *fact.Snapshot) {
	for k := 1; k <= 3; k++ {
		facttest.Fail(s, k, facttest.Api(2), fact.Timeout)
	}
}

func TestAppAcceptQueueOverflow(t *testing.T) {
	id := "app-accept-queue-overflow"
	one := want{id: id, node: "n2", subject: string(facttest.Api(2)), certainty: check.Strong}
	mutations(t, []mutation{
		{name: "full, dropping, nobody answers", mutate: func(s *fact.Snapshot) { queue(s, 2, 1, 5); silent(s) }, want: one, explain: 3},
		{name: "just emptied by one, dropping", mutate: func(s *fact.Snapshot) { queue(s, 128, 128, 5); silent(s) }, want: one},
		{name: "answers at the second attempt", mutate: func(s *fact.Snapshot) { queue(s, 129, 128, 1); late(s) }, want: one},
		{name: "full, and everybody was answered", mutate: func(s *fact.Snapshot) { queue(s, 129, 128, 0) }, check: id, answer: check.OK},
		{name: "full, and what nobody answers never came here", mutate: func(s *fact.Snapshot) { queue(s, 129, 128, 0); silent(s) }, check: id, answer: check.OK},
		{name: "dropping, and not full: another port", mutate: func(s *fact.Snapshot) { queue(s, 0, 128, 9) }, check: id, answer: check.OK},
		{name: "empty with a backlog of none", mutate: func(s *fact.Snapshot) { queue(s, 0, 0, 9) }, check: id, answer: check.OK},
		{name: "the limit was not read", mutate: func(s *fact.Snapshot) {
			queue(s, 2, 0, 5)
			facttest.SandboxOf(s, 2, facttest.Api(2)).Sockets[0].BacklogKnown = false
		}, check: id, answer: check.OK},
		{name: "sockets could not be read", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 2, fact.KindSockets) }, check: id, answer: check.Unknown},
	})
}
