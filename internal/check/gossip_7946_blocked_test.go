package check_test

import (
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// blockGossip makes node i forget node k, its gossip port silent.
func blockGossip(s *fact.Snapshot, i, k int, o fact.Outcome) {
	failPeer(s, i, k, "gossip", o)
	forgetGossip(s, i, k)
	forgetPeer(s, i, k)
	loseVXLAN(s, i, k)
}

func TestGossip7946Blocked(t *testing.T) {
	id := "gossip-7946-blocked"
	mutations(t, []mutation{
		{name: "with one peer", mutate: func(s *fact.Snapshot) { blockGossip(s, 1, 3, fact.Timeout) },
			want: want{id: id, node: "n1", peer: "n3", subject: "n3", certainty: check.Strong}, explain: 1},
		{name: "with every peer: this node's firewall", mutate: func(s *fact.Snapshot) {
			blockGossip(s, 1, 2, fact.Timeout)
			blockGossip(s, 1, 3, fact.Refused)
		}, want: want{id: id, node: "n1", subject: "n1", certainty: check.Strong}, explain: 2},
		{name: "the port is open: another cause", mutate: func(s *fact.Snapshot) { blockGossip(s, 1, 3, fact.Open) },
			check: id, answer: check.OK},
		{name: "the managers do not hear it either", mutate: func(s *fact.Snapshot) {
			blockGossip(s, 1, 3, fact.Timeout)
			s.Wanted.Node(facttest.Node(3)).State = "down"
		}, check: id, answer: check.OK},
		{name: "its host is silent altogether", mutate: func(s *fact.Snapshot) {
			blockGossip(s, 1, 3, fact.Timeout)
			failPeer(s, 1, 3, "manager", fact.Timeout)
		}, want: want{id: "underlay-peer-unreachable", node: "n1", peer: "n3"}, check: id, answer: check.OK},
		{name: "silent, but gossip still knows it", mutate: func(s *fact.Snapshot) { failPeer(s, 1, 3, "gossip", fact.Timeout) },
			check: id, answer: check.Unknown},
		{name: "one way closed in two looks", mutate: twice(func(s *fact.Snapshot) { failPeer(s, 1, 3, "gossip", fact.Timeout) }),
			want: want{id: id, node: "n1", peer: "n3", subject: "n3", certainty: check.Strong}},
		{name: "the peer's engine has just stopped", mutate: twice(func(s *fact.Snapshot) {
			failPeer(s, 1, 2, "gossip", fact.Refused)
			failPeer(s, 1, 2, "manager", fact.Refused)
		}), check: "gossip-7946-blocked", answer: check.Unknown},
		{name: "one way refused in two looks", mutate: twice(func(s *fact.Snapshot) { failPeer(s, 3, 1, "gossip", fact.Refused) }),
			want: want{id: id, node: "n1", peer: "n3", certainty: check.Strong}},
		{name: "no endpoint here: absence is no evidence", mutate: func(s *fact.Snapshot) {
			blockGossip(s, 1, 3, fact.Timeout)
			facttest.NodeOf(s, 1).Engine.Network(facttest.App).Instantiated = false
			failPeer(s, 1, 3, "gossip", fact.Open)
		}, check: id, answer: check.OK},
		{name: "its port was not tried", mutate: func(s *fact.Snapshot) {
			blockGossip(s, 1, 3, fact.Timeout)
			s.Seen.Peers = nil
		}, check: id, answer: check.Unknown},
	})
}

func TestGossipReliefOpensBothWays(t *testing.T) {
	s := facttest.Healthy()
	blockGossip(s, 1, 3, fact.Timeout)
	c := run(t, s).Causes[0]
	for _, node := range []string{"n1", "n3"} {
		for _, rule := range []string{"INPUT -p tcp --dport", "INPUT -p tcp --sport", "OUTPUT -p udp --dport", "OUTPUT -p udp --sport"} {
			if line := "on " + node + ": iptables -I " + rule + " 7946 -j ACCEPT\n"; !strings.Contains(c.Relief, line) {
				t.Errorf("relief lacks %q:\n%s", line, c.Relief)
			}
		}
		if !strings.Contains(c.Confirm, "on "+node+": iptables -nvL") {
			t.Errorf("confirm %q lacks %s", c.Confirm, node)
		}
	}
	if !strings.Contains(c.Relief, "-D") {
		t.Errorf("relief does not say how to take the rules back:\n%s", c.Relief)
	}
}

func TestGossipReliefIsForTheWallsOwner(t *testing.T) {
	s := facttest.Healthy()
	blockGossip(s, 1, 3, fact.Unreachable)
	for i := range s.Seen.Peers {
		if p := &s.Seen.Peers[i]; p.Node == "n1" && p.Outcome == fact.Unreachable {
			p.ICMP = &fact.ICMPError{Type: 3, Code: 13, From: facttest.VTEP(3)}
		}
	}
	if c := run(t, s).Causes[0]; strings.Contains(c.Relief, "on n1") || !strings.Contains(c.Relief, "on n3: iptables") {
		t.Errorf("relief is not for n3, which prohibits it:\n%s", c.Relief)
	}
}

func TestClosedPeerPortIsNeverOK(t *testing.T) {
	for _, what := range []string{"gossip", "manager"} {
		s := facttest.Healthy()
		failPeer(s, 2, 1, what, fact.Timeout)
		if r := run(t, s); r.Verdict == check.VerdictOK || !strings.Contains(r.Summary, "n2 → n1") {
			t.Errorf("%s: verdict %s: %s", what, r.Verdict, r.Summary)
		}
	}
}
