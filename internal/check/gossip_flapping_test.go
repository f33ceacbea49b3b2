package check_test

import (
	"fmt"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// flap makes node i say that it gave node k up and found it again, so many times.
func flap(s *fact.Snapshot, i, k, times int) {
	peer := facttest.PeerName(k)
	for n := range times {
		ago := time.Duration(10*times-10*n) * time.Second
		facttest.Say(s, i, ago, fact.Statement{ID: "gossip-node-failed", Peer: peer, Text: fmt.Sprintf("Node %s change state NodeActive --> NodeFailed", peer)})
		facttest.Say(s, i, ago-6*time.Second, fact.Statement{ID: "gossip-node-back", Peer: peer, Benign: true, Text: fmt.Sprintf("Node %s change state NodeFailed --> NodeActive", peer)})
	}
}

func refute(s *fact.Snapshot, i, times int) {
	for n := range times {
		facttest.Say(s, i, time.Duration(20+n)*time.Second, fact.Statement{ID: "gossip-refuting", Peer: facttest.PeerName(1), Text: "memberlist: Refuting a suspect message (from: x)"})
	}
}

func TestGossipFlapping(t *testing.T) {
	id := "gossip-flapping"
	mutations(t, []mutation{
		{name: "one node, seen by two", mutate: func(s *fact.Snapshot) { flap(s, 1, 3, 4); flap(s, 2, 3, 3) },
			want: want{id: id, node: "n3", subject: "n3", certainty: check.Strong}},
		{name: "one node, and it says so itself", mutate: func(s *fact.Snapshot) { flap(s, 1, 3, 4); refute(s, 3, 4) },
			want: want{id: id, node: "n1", peer: "n3", certainty: check.Strong}},
		{name: "one pair, by one log", mutate: func(s *fact.Snapshot) { flap(s, 1, 3, 3) },
			want: want{id: id, node: "n1", peer: "n3", certainty: check.Hint}},
		{name: "a clock an hour ahead", mutate: func(s *fact.Snapshot) {
			facttest.NodeOf(s, 2).ClockOffset = time.Hour
			facttest.NodeOf(s, 2).Said = nil
			flap(s, 2, 3, 3)
			s.Nodes[1].ClockOffset = 4 * time.Second // no skew of its own
			for i := range facttest.NodeOf(s, 2).Said.Statements {
				st := &facttest.NodeOf(s, 2).Said.Statements[i]
				st.At = st.At.Add(4*time.Second - time.Hour)
			}
		}, want: want{id: id, node: "n2", peer: "n3", certainty: check.Hint}},
		{name: "suspected and refuted all the time", mutate: func(s *fact.Snapshot) {
			for n := range 9 {
				facttest.Say(s, 1, time.Duration(n)*time.Minute/2, fact.Statement{ID: "gossip-suspect", Peer: facttest.PeerName(2), Text: "memberlist: Suspect x has failed"})
			}
			refute(s, 2, 9)
		}, want: want{id: id, node: "n1", peer: "n2", certainty: check.Strong}},
		{name: "twice is what two restarts of a host look like", mutate: func(s *fact.Snapshot) { flap(s, 1, 3, 2); flap(s, 2, 3, 2) }, check: id, answer: check.OK},
		{name: "long ago", mutate: func(s *fact.Snapshot) {
			flap(s, 1, 3, 5)
			for i := range facttest.NodeOf(s, 1).Said.Statements {
				st := &facttest.NodeOf(s, 1).Said.Statements[i]
				st.At = st.At.Add(-20 * time.Minute)
			}
		}, check: id, answer: check.OK},
		{name: "different peers once each", mutate: func(s *fact.Snapshot) { flap(s, 1, 2, 1); flap(s, 1, 3, 1); flap(s, 2, 3, 1) }, check: id, answer: check.OK},
		{name: "a log that nobody could read", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 2, fact.KindLogs) }, check: id, answer: check.Unknown},
		{name: "a log that nobody read", mutate: func(s *fact.Snapshot) { facttest.NodeOf(s, 2).Said = nil }, check: id, answer: check.Unknown},
	})
}

// What was asked about counts however long ago it was.
func TestGossipFlappingOfTheTimeAskedFor(t *testing.T) {
	s := facttest.Healthy()
	flap(s, 1, 3, 5)
	n := facttest.NodeOf(s, 1)
	for i := range n.Said.Statements {
		n.Said.Statements[i].At = n.Said.Statements[i].At.Add(-5 * time.Hour)
	}
	n.Said.Windows = []fact.Window{{From: facttest.Taken.Add(-6 * time.Hour), To: facttest.Taken.Add(-4 * time.Hour), Why: []string{"asked for"}}}
	wantCause(t, run(t, s), want{id: "gossip-flapping", node: "n1", peer: "n3"})
}

// Names that nobody knows any more stand for themselves; a node is known by its
// host name, or by an address that came with the name.
func TestWhoFlaps(t *testing.T) {
	for name, row := range map[string]struct {
		peer, want string
		add        func(s *fact.Snapshot)
	}{
		"host name": {"n3-0123456789ab", "n3", nil},
		"introduced": {"0123456789ab", "n2", func(s *fact.Snapshot) {
			facttest.Say(s, 3, time.Hour, fact.Statement{ID: "gossip-joined", Peer: "0123456789ab", Addr: facttest.VTEP(2)})
		}},
		"nobody": {"ba9876543210", "ba9876543210", nil},
	} {
		s := facttest.Healthy()
		if row.add != nil {
			row.add(s)
		}
		for n := range 3 {
			facttest.Say(s, 1, time.Duration(n)*time.Minute, fact.Statement{ID: "gossip-node-failed", Peer: row.peer, Text: "failed"})
		}
		r := run(t, s)
		found := append(r.Causes, r.Elsewhere...)
		if len(found) != 1 || found[0].Node != row.want && found[0].Peer != row.want {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
