package check_test

import (
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// pointFDB makes the engine's row for an address on node i lead elsewhere.
func pointFDB(s *fact.Snapshot, i int, mac fact.MAC, to netip.Addr) {
	ns := facttest.Overlay(s, i)
	for k := range ns.FDB {
		if ns.FDB[k].MAC == mac && ns.FDB[k].Self {
			ns.FDB[k].Dst = to
		}
	}
}

func TestFDBStaleVTEP(t *testing.T) {
	mac := fact.OverlayMAC(facttest.ApiIP(3))
	mutations(t, []mutation{
		{name: "row leads to another node", mutate: func(s *fact.Snapshot) {
			pointFDB(s, 1, mac, facttest.VTEP(2))
			loseVXLAN(s, 1, 3)
		}, want: want{id: "fdb-stale-vtep", node: "n1", peer: "n3", subject: string(facttest.Api(3)), certainty: check.Proof}, explain: 1},
		{name: "row leads to a node that is no more", mutate: func(s *fact.Snapshot) {
			pointFDB(s, 2, mac, netip.MustParseAddr("10.77.0.99"))
			loseVXLAN(s, 2, 3)
		}, want: want{id: "fdb-stale-vtep", node: "n2", peer: "n3"}},
		{name: "a learned row may say anything", mutate: func(s *fact.Snapshot) {
			ns := facttest.Overlay(s, 1)
			ns.FDB = append(ns.FDB, fact.FDBEntry{MAC: mac, Link: 10, Dst: facttest.VTEP(2), Self: true})
		}, check: "fdb-stale-vtep", answer: check.OK},
		{name: "the managers are silent: two looks", mutate: func(s *fact.Snapshot) {
			pointFDB(s, 1, mac, facttest.VTEP(2))
			loseVXLAN(s, 1, 3)
			facttest.MissAll(s, fact.KindSwarm)
			s.Question = fact.Question{From: "web", To: "api", Port: 8080}
		}, check: "fdb-stale-vtep", answer: check.Unknown},
		{name: "the task is draining", mutate: func(s *fact.Snapshot) {
			pointFDB(s, 1, mac, facttest.VTEP(2))
			s.Wanted.Task(facttest.Api(3)).Desired = "shutdown"
		}, check: "fdb-stale-vtep", answer: check.OK},
	})
}
