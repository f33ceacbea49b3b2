package check_test

import (
	"slices"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// failPeer gives the probes from node i to node k's own address this outcome;
// what is "gossip", "manager" or empty for both.
func failPeer(s *fact.Snapshot, i, k int, what string, o fact.Outcome) {
	for n := range s.Seen.Peers {
		p := &s.Seen.Peers[n]
		if p.Node == facttest.NodeOf(s, i).Name && p.Peer == facttest.Node(k) && (what == "" || p.What == what) {
			p.Outcome, p.RTT = o, 0
		}
	}
}

// cutOff makes node i unable to hear node k: no probe is answered, and gossip
// has noticed.
func cutOff(s *fact.Snapshot, i, k int) {
	failPeer(s, i, k, "", fact.Timeout)
	facttest.Fail(s, i, facttest.Api(k), fact.Timeout)
	forgetGossip(s, i, k)
	forgetPeer(s, i, k)
}

// forgetGossip takes node k out of what node i's engine believes.
func forgetGossip(s *fact.Snapshot, i, k int) {
	net := facttest.NodeOf(s, i).Engine.Network(facttest.App)
	net.Peers = slices.DeleteFunc(net.Peers, func(p fact.Peer) bool { return p.IP == facttest.VTEP(k) || p.IP == facttest.Control(k) })
	for n := range net.Services {
		svc := &net.Services[n]
		svc.Tasks = slices.DeleteFunc(svc.Tasks, func(t fact.BelievedTask) bool { return t.HostIP == facttest.VTEP(k) })
	}
}

func hopState(s *fact.Snapshot, i, k int, st fact.NeighbourState) {
	ns := facttest.NodeOf(s, i).Kernel.Host()
	for n := range ns.Neighbours {
		if ns.Neighbours[n].IP == facttest.VTEP(k) {
			ns.Neighbours[n].State, ns.Neighbours[n].MAC = st, fact.MAC{}
		}
	}
}

func noRoute(s *fact.Snapshot, i, k int) {
	ns := facttest.NodeOf(s, i).Kernel.Host()
	for n := range ns.Lookups {
		if ns.Lookups[n].Dst == facttest.VTEP(k) {
			ns.Lookups[n] = fact.RouteLookup{Dst: facttest.VTEP(k), Err: "network is unreachable"}
		}
	}
}

func TestUnderlayPeerUnreachable(t *testing.T) {
	id := "underlay-peer-unreachable"
	mutations(t, []mutation{
		{name: "no route", mutate: func(s *fact.Snapshot) {
			cutOff(s, 1, 3)
			noRoute(s, 1, 3)
		}, want: want{id: id, node: "n1", peer: "n3", subject: "n3", certainty: check.Proof}, explain: 1},
		{name: "the peer's machine is silent", mutate: func(s *fact.Snapshot) {
			cutOff(s, 1, 3)
			hopState(s, 1, 3, fact.Failed)
		}, want: want{id: id, node: "n1", peer: "n3", subject: "n3", certainty: check.Strong}, explain: 1},
		{name: "gossip has not noticed yet", mutate: func(s *fact.Snapshot) {
			failPeer(s, 1, 3, "", fact.Timeout)
			facttest.Fail(s, 1, facttest.Api(3), fact.Timeout)
			hopState(s, 1, 3, fact.Incomplete)
		}, want: want{id: id, node: "n1", peer: "n3"}},
		{name: "routed, and the managers call it down", mutate: func(s *fact.Snapshot) {
			cutOff(s, 1, 3)
			s.Wanted.Node(facttest.Node(3)).State = "down"
		}, want: want{id: id, node: "n1", peer: "n3", certainty: check.Strong}},
		{name: "own link down", mutate: func(s *fact.Snapshot) {
			for k := 2; k <= 3; k++ {
				cutOff(s, 1, k)
				noRoute(s, 1, k)
			}
			l := facttest.NodeOf(s, 1).Kernel.Host().LinkNamed("eth0")
			l.Up, l.Carrier = false, false
		}, want: want{id: id, node: "n1", subject: "n1", certainty: check.Proof}, explain: 2},
		{name: "own cable out", mutate: func(s *fact.Snapshot) {
			for k := 2; k <= 3; k++ {
				cutOff(s, 1, k)
			}
			facttest.NodeOf(s, 1).Kernel.Host().LinkNamed("eth0").Carrier = false
		}, want: want{id: id, node: "n1", subject: "n1", certainty: check.Proof}},
		{name: "a neighbour row is old, the peer answers", mutate: func(s *fact.Snapshot) { hopState(s, 1, 3, fact.Failed) },
			check: id, answer: check.OK},
		{name: "just gone: the managers have not noticed", mutate: func(s *fact.Snapshot) {
			failPeer(s, 1, 3, "", fact.Timeout)
			loseVXLAN(s, 1, 3)
		}, want: want{id: id, node: "n1", peer: "n3", certainty: check.Strong}, explain: 1},
		{name: "only gossip is silent: not this", mutate: func(s *fact.Snapshot) { failPeer(s, 1, 3, "gossip", fact.Timeout) },
			check: id, answer: check.OK},
		{name: "its engine is down, its host refuses", mutate: func(s *fact.Snapshot) {
			failPeer(s, 1, 3, "", fact.Refused)
			s.Wanted.Node(facttest.Node(3)).State = "down"
		}, check: id, answer: check.OK},
		{name: "nobody asked for the route", mutate: func(s *fact.Snapshot) {
			failPeer(s, 1, 3, "", fact.Timeout)
			facttest.NodeOf(s, 1).Kernel.Host().Lookups = nil
		}, check: id, answer: check.Unknown},
	})
}

// TestManagersNoticeMeanwhile: that the managers call a node down between two
// looks, and take its tasks from it, follows from what both looks found.
func TestManagersNoticeMeanwhile(t *testing.T) {
	s, first := facttest.Healthy(), facttest.Healthy()
	for _, x := range []*fact.Snapshot{s, first} {
		cutOff(x, 1, 3)
		x.Wanted.Node(facttest.Node(3)).Updated = x.Taken
	}
	s.Wanted.Node(facttest.Node(3)).State = "down"
	s.Wanted.Task(facttest.Api(3)).Desired = "shutdown"
	s.Earlier = first
	r, err := check.Run(s, check.All(), 0)
	if err != nil || len(r.Causes) == 0 || r.Causes[0].ID != "underlay-peer-unreachable" || r.Causes[0].Certainty != check.Strong {
		t.Errorf("%v: causes %+v, settling %+v", err, r.Causes, r.Settling)
	}
}
