package check_test

import (
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestBridgeFDBLearnedStale(t *testing.T) {
	id := "bridge-fdb-learned-stale"
	learn := func(s *fact.Snapshot, i int, mac fact.MAC, link int) {
		ns := facttest.Overlay(s, i)
		ns.FDB = append(ns.FDB, fact.FDBEntry{MAC: mac, Link: link})
	}
	mutations(t, []mutation{
		{name: "a remote task behind a local container", mutate: func(s *fact.Snapshot) {
			learn(s, 1, fact.OverlayMAC(facttest.ApiIP(2)), 14)
			loseVXLAN(s, 1, 2)
		}, want: want{id: id, node: "n1", peer: "n2", subject: string(facttest.Api(2)), certainty: check.Hint}, explain: 1},
		{name: "a local task behind the vxlan link", mutate: func(s *fact.Snapshot) {
			learn(s, 1, fact.OverlayMAC(facttest.WebIP(1)), 10)
			loseVXLAN(s, 1, 2)
			loseVXLAN(s, 1, 3)
		}, want: want{id: id, node: "n1", subject: string(facttest.Web(1)), certainty: check.Hint}, explain: 2},
		{name: "the target there", mutate: func(s *fact.Snapshot) {
			learn(s, 2, fact.OverlayMAC(facttest.ApiIP(2)), 10)
			loseVXLAN(s, 1, 2)
		}, want: want{id: id, node: "n2", subject: string(facttest.Api(2)), certainty: check.Hint}, explain: 1},
		{name: "everybody answers: the row was put right meanwhile", mutate: func(s *fact.Snapshot) {
			learn(s, 1, fact.OverlayMAC(facttest.ApiIP(2)), 14)
			learn(s, 1, fact.OverlayMAC(facttest.WebIP(1)), 10)
		}, check: id, answer: check.OK},
		{name: "a remote task behind the vxlan link is as it should be", mutate: func(s *fact.Snapshot) {
			learn(s, 1, fact.OverlayMAC(facttest.ApiIP(2)), 10)
			facttest.Fail(s, 1, facttest.Api(2), fact.Refused)
		}, check: id, answer: check.OK},
	})

	// A node that has another's address, too, gets its own packets back: the bridge is right about what it saw.
	s := facttest.Healthy()
	learn(s, 1, fact.OverlayMAC(facttest.WebIP(1)), 10)
	lo := facttest.NodeOf(s, 1).Kernel.Host().LinkNamed("lo")
	lo.Addrs = append(lo.Addrs, netip.PrefixFrom(facttest.VTEP(2), 32))
	loseVXLAN(s, 1, 2)
	wantCause(t, run(t, s), want{id: "duplicate-node-identity", node: "n1"})
}
