package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// hang makes node i's engine silent to fairway, which runs beside it: gossip on
// the others has given it up.
func hang(s *fact.Snapshot, i int) {
	n := facttest.NodeOf(s, i)
	for _, k := range []fact.Kind{fact.KindInfo, fact.KindContainers, fact.KindNetworks} {
		s.Gaps = append(s.Gaps, fact.Gap{Node: n.Name, Kind: k, Class: fact.ClassTimeout, Reason: "read the engine's info: no whole answer within 10s"})
	}
	n.Engine = nil
	abandon(s, i)
	down(s, i)
}

// abandon makes gossip on all other nodes forget node i.
func abandon(s *fact.Snapshot, i int) {
	for k := 1; k <= 3; k++ {
		if n := facttest.NodeOf(s, k); k != i && n != nil && n.Engine != nil {
			forgetGossip(s, k, i)
			forgetPeer(s, k, i)
			loseVXLAN(s, k, i)
		}
	}
}

func TestDockerdHung(t *testing.T) {
	id := "dockerd-hung"
	w := want{id: id, node: "n3", subject: "n3", certainty: check.Strong}
	mutations(t, []mutation{
		{name: "it does not answer the fairway beside it", mutate: twice(func(s *fact.Snapshot) { hang(s, 3) }), want: w, explain: 1},
		{name: "its resolvers do not answer, their questions are unread", mutate: twice(func(s *fact.Snapshot) {
			hang(s, 3)
			unread(s, 3)
			deafResolver(s, 3, fact.Timeout)
			askBehind(s, 3, fact.Timeout)
		}), want: w},
		{name: "the managers have not noticed yet", mutate: twice(func(s *fact.Snapshot) {
			hang(s, 3)
			s.Wanted.Node(facttest.Node(3)).State = "ready"
		}), want: w},
		{name: "not seen: its ports take connections and nobody hears of it", mutate: twice(oneSeen(func(s *fact.Snapshot) {
			abandon(s, 3)
			down(s, 3)
		})), want: w},
		{name: "not seen: its ports refuse", mutate: oneSeen(func(s *fact.Snapshot) {
			abandon(s, 3)
			down(s, 3)
			failPeer(s, 1, 3, "", fact.Refused)
		}), want: w},
		{name: "its place is taken by nobody: it follows", mutate: twice(oneSeen(func(s *fact.Snapshot) {
			abandon(s, 3)
			down(s, 3)
			unplace(s, "no suitable node (max replicas per node limit exceed)", 3)
		})), want: w, explain: 1},
		{name: "one look: it may be slow", mutate: func(s *fact.Snapshot) { hang(s, 3) }, check: id, answer: check.Unknown},
		{name: "its ports were not tried", mutate: func(s *fact.Snapshot) {
			*s = *facttest.OneNode()
			abandon(s, 3)
			down(s, 3)
			s.Seen.Peers = nil
		}, check: id, answer: check.Unknown},
		{name: "its host is silent: another cause", mutate: func(s *fact.Snapshot) {
			cutOff(s, 1, 3)
			cutOff(s, 2, 3)
			down(s, 3)
		}, want: want{id: "underlay-peer-unreachable", node: "n3"}, check: id, answer: check.OK},
		{name: "the engine is slow with one network only", mutate: func(s *fact.Snapshot) {
			s.Gaps = append(s.Gaps, fact.Gap{Node: "n3", Kind: fact.KindNetworks, Class: fact.ClassTimeout, Reason: "inspect network app: no whole answer within 10s"})
		}, check: id, answer: check.Unknown},
	})
}
