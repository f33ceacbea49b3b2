package check_test

import (
	"net/netip"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// leaderless is what node 1 alone sees of a swarm without a leader.
func leaderless(s *fact.Snapshot) {
	*s = *facttest.OneNode()
	facttest.MissAll(s, fact.KindSwarm)
	e := &facttest.NodeOf(s, 1).Engine.Swarm
	e.NoLeader, e.Error = true, "The swarm does not have a leader."
	for i := 1; i <= 3; i++ {
		e.Managers = append(e.Managers, netip.AddrPortFrom(facttest.VTEP(i), 2377))
	}
}

func TestManagerQuorumLost(t *testing.T) {
	id := "manager-quorum-lost"
	w := want{id: id, certainty: check.Strong}
	mutations(t, []mutation{
		{name: "two of three managers refuse", mutate: twice(func(s *fact.Snapshot) {
			leaderless(s)
			failPeer(s, 1, 2, "", fact.Refused)
			failPeer(s, 1, 3, "", fact.Refused)
		}), want: w},
		{name: "only their port for managers is closed", mutate: twice(func(s *fact.Snapshot) {
			leaderless(s)
			failPeer(s, 1, 2, "manager", fact.Timeout)
			failPeer(s, 1, 3, "manager", fact.Timeout)
		}), want: w},
		{name: "one of two", mutate: twice(func(s *fact.Snapshot) {
			leaderless(s)
			e := &facttest.NodeOf(s, 1).Engine.Swarm
			e.Managers = e.Managers[:2]
			failPeer(s, 1, 2, "", fact.Refused)
		}), want: want{id: id, node: "10.77.0.12"}},
		{name: "all ports are open: they hang", mutate: twice(leaderless), want: w},
		{name: "one look", mutate: leaderless, check: id, answer: check.Unknown},
		{name: "a worker", mutate: func(s *fact.Snapshot) {
			leaderless(s)
			facttest.NodeOf(s, 1).Engine.Swarm.Manager = false
		}, check: id, answer: check.Unknown},
	})
}

func TestQuorumLostSaysHowManyAreNeeded(t *testing.T) {
	s := facttest.Healthy()
	again(s, func(s *fact.Snapshot) {
		leaderless(s)
		failPeer(s, 1, 2, "", fact.Refused)
		failPeer(s, 1, 3, "", fact.Refused)
	})
	r := run(t, s)
	if len(r.Causes) != 1 || !strings.Contains(r.Causes[0].Message, "10.77.0.12, 10.77.0.13, 2 of 3 managers; 2 are needed") || len(r.Causes[0].Evidence) != 3 {
		t.Errorf("causes %+v, want both managers named", r.Causes)
	}
}
