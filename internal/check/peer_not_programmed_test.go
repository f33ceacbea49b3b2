package check_test

import (
	"slices"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// forgetPeer deletes every row on node i that leads to node k.
func forgetPeer(s *fact.Snapshot, i, k int) {
	ns := facttest.Overlay(s, i)
	ns.FDB = slices.DeleteFunc(ns.FDB, func(f fact.FDBEntry) bool {
		if f.Dst == facttest.VTEP(k) {
			ns.Neighbours = slices.DeleteFunc(ns.Neighbours, func(n fact.Neighbour) bool { return n.MAC == f.MAC })
		}
		return f.Dst == facttest.VTEP(k)
	})
}

func TestPeerNotProgrammed(t *testing.T) {
	mutations(t, []mutation{
		{name: "the whole peer", mutate: func(s *fact.Snapshot) {
			forgetPeer(s, 1, 3)
			facttest.Fail(s, 1, facttest.Api(3), fact.Unreachable)
		}, want: want{id: "peer-not-programmed", node: "n1", peer: "n3", subject: "n3", certainty: check.Proof}, explain: 1},
		{name: "one task of it", mutate: func(s *fact.Snapshot) {
			dropNeigh(s, 1, facttest.ApiIP(3))
			dropFDB(s, 1, fact.OverlayMAC(facttest.ApiIP(3)))
			facttest.Fail(s, 1, facttest.Api(3), fact.Unreachable)
		}, want: want{id: "peer-not-programmed", node: "n1", peer: "n3", subject: string(facttest.Api(3)), certainty: check.Proof}},
		{name: "rows without a probe want a second look", mutate: func(s *fact.Snapshot) { forgetPeer(s, 1, 3) },
			check: "peer-not-programmed", answer: check.Unknown},
		{name: "in two looks", mutate: func(s *fact.Snapshot) {
			s.Earlier = facttest.Healthy()
			forgetPeer(s, 1, 3)
			forgetPeer(s.Earlier, 1, 3)
		}, want: want{id: "peer-not-programmed", node: "n1", peer: "n3", subject: "n3", certainty: check.Strong}},
		{name: "a Swarm of one node has no remote rows", mutate: func(s *fact.Snapshot) {
			*s = *facttest.OneNode()
			forgetPeer(s, 1, 2)
			forgetPeer(s, 1, 3)
			for i := range facttest.NodeOf(s, 1).Engine.Network(facttest.App).Services {
				svc := &facttest.NodeOf(s, 1).Engine.Network(facttest.App).Services[i]
				svc.Tasks = svc.Tasks[:1]
			}
		}, check: "peer-not-programmed", answer: check.Unknown},
	})
}
