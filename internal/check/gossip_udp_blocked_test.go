package check_test

import (
	"slices"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// watched has every node count gossip for three seconds: all is well.
func watched(s *fact.Snapshot) {
	for i := 1; i <= 3; i++ {
		for k := 1; k <= 3; k++ {
			if i != k && facttest.NodeOf(s, i) != nil {
				s.Seen.Flows = append(s.Seen.Flows, fact.Flow{Node: facttest.NodeOf(s, i).Name, What: "gossip", Peer: facttest.VTEP(k), Port: 7946,
					In: 3, Out: 3, Host: 3, For: 3 * time.Second})
			}
		}
	}
}

func flow(s *fact.Snapshot, i, k int) *fact.Flow {
	n := slices.IndexFunc(s.Seen.Flows, func(f fact.Flow) bool {
		return f.Node == facttest.NodeOf(s, i).Name && f.Peer == facttest.VTEP(k) && f.What == "gossip"
	})
	return &s.Seen.Flows[n]
}

// unheard: node i has not heard of api's task k.
func unheard(s *fact.Snapshot, i, k int) {
	net := facttest.NodeOf(s, i).Engine.Network(facttest.App)
	for n := range net.Services {
		svc := &net.Services[n]
		svc.Tasks = slices.DeleteFunc(svc.Tasks, func(b fact.BelievedTask) bool {
			name, _ := expect.ParseTaskName(b.Name)
			return name.Task == facttest.Api(k)
		})
	}
	forgetPeer(s, i, k)
	facttest.Fail(s, i, facttest.Api(k), fact.Timeout)
}

func TestGossipUDPBlocked(t *testing.T) {
	id := "gossip-udp-blocked"
	mutations(t, []mutation{
		{name: "a node lets none in", mutate: func(s *fact.Snapshot) {
			unheard(s, 3, 1)
			watched(s)
			flow(s, 3, 1).Host, flow(s, 3, 2).Host = 0, 0
		}, want: want{id: id, node: "n3", subject: "n3", certainty: check.Strong}, explain: 1},
		{name: "a node lets none out", mutate: func(s *fact.Snapshot) {
			unheard(s, 3, 1)
			watched(s)
			for k := 1; k <= 2; k++ {
				flow(s, 3, k).Out = 0
				f := flow(s, k, 3)
				f.In, f.Host = 0, 0
			}
		}, want: want{id: id, node: "n3", subject: "n3"}, explain: 1},
		{name: "lost on the wire between two", mutate: func(s *fact.Snapshot) {
			unheard(s, 3, 1)
			watched(s)
			for _, f := range []*fact.Flow{flow(s, 1, 3), flow(s, 3, 1)} {
				f.In, f.Host = 0, 0
			}
		}, want: want{id: id, node: "n1", peer: "n3"}, explain: 1},
		{name: "TCP is closed, too: another cause", mutate: func(s *fact.Snapshot) {
			watched(s)
			failPeer(s, 1, 3, "gossip", fact.Timeout)
			flow(s, 3, 1).Host = 0
		}, check: id, answer: check.OK},
		{name: "packets pass", mutate: watched, check: id, answer: check.OK},
		{name: "too few packets passed to tell", mutate: func(s *fact.Snapshot) {
			watched(s)
			for i := range s.Seen.Flows {
				s.Seen.Flows[i].Host, s.Seen.Flows[i].In, s.Seen.Flows[i].Out = 0, 1, 1
			}
		}, check: id, answer: check.Unknown},
		{name: "only one end was watched", mutate: func(s *fact.Snapshot) {
			*s = *facttest.OneNode()
			unheard(s, 1, 3)
			watched(s)
			flow(s, 1, 3).In, flow(s, 1, 3).Host = 0, 0
		}, want: want{id: id, node: "n1", peer: "n3"}, explain: 1},
	})
	s := facttest.Healthy()
	unheard(s, 3, 1)
	wantAnswer(t, run(t, s), id, check.Unknown) // nobody counted
}
