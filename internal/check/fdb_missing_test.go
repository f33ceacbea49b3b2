package check_test

import (
	"slices"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// dropFDB deletes the engine's row for an address on node 1.
func dropFDB(s *fact.Snapshot, i int, mac fact.MAC) {
	ns := facttest.Overlay(s, i)
	ns.FDB = slices.DeleteFunc(ns.FDB, func(f fact.FDBEntry) bool { return f.MAC == mac && f.Self })
}

func TestFDBMissing(t *testing.T) {
	mac := fact.OverlayMAC(facttest.ApiIP(2))
	mutations(t, []mutation{
		{name: "row gone and probe silent", mutate: func(s *fact.Snapshot) {
			dropFDB(s, 1, mac)
			facttest.Fail(s, 1, facttest.Api(2), fact.Timeout)
		}, want: want{id: "fdb-missing", node: "n1", peer: "n2", subject: string(facttest.Api(2)), certainty: check.Proof}, explain: 1},
		{name: "a learned row does not count", mutate: func(s *fact.Snapshot) {
			dropFDB(s, 1, mac)
			ns := facttest.Overlay(s, 1)
			ns.FDB = append(ns.FDB, fact.FDBEntry{MAC: mac, Link: 10})
			facttest.Fail(s, 1, facttest.Api(2), fact.Timeout)
		}, want: want{id: "fdb-missing", node: "n1", peer: "n2"}},
		{name: "no failed probe: one look is not enough", mutate: func(s *fact.Snapshot) { dropFDB(s, 1, mac) },
			check: "fdb-missing", answer: check.Unknown},
		{name: "two looks at the same", mutate: func(s *fact.Snapshot) {
			dropFDB(s, 1, mac)
			first := facttest.Healthy()
			dropFDB(first, 1, mac)
			s.Earlier = first
		}, want: want{id: "fdb-missing", node: "n1", peer: "n2", certainty: check.Strong}},
		{name: "the task is draining", mutate: func(s *fact.Snapshot) {
			dropFDB(s, 1, mac)
			s.Wanted.Task(facttest.Api(2)).Desired = "shutdown"
		}},
		{name: "FDB could not be read", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 1, fact.KindFDB) },
			check: "fdb-missing", answer: check.Unknown},
	})
}
