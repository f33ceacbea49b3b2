package check_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// unsynced makes node i say so often that node k did not take its tables.
func unsynced(s *fact.Snapshot, i, k, times int) {
	for n := range times {
		facttest.Say(s, i, time.Duration(30*n+5)*time.Second, fact.Statement{ID: "gossip-bulksync-timeout", Peer: facttest.PeerName(k), Text: "Bulk sync to node " + facttest.PeerName(k) + " timed out"})
	}
}

func TestGossipBulkSync(t *testing.T) {
	id := "gossip-bulksync-timeout"
	queue := func(i int, sizes ...int) func(*fact.Snapshot) {
		return func(s *fact.Snapshot) {
			for n, q := range sizes {
				facttest.Say(s, i, time.Duration(len(sizes)-n)*3*time.Minute, fact.Statement{ID: "gossip-stats", Network: "netx", Benign: true, Stats: &fact.GossipStats{Peers: 3, Queue: q}, Text: "NetworkDB stats"})
			}
		}
	}
	mutations(t, []mutation{
		{name: "one pair", mutate: func(s *fact.Snapshot) { unsynced(s, 1, 2, 2) }, want: want{id: id, node: "n1", peer: "n2", certainty: check.Hint}},
		{name: "one node with all", mutate: func(s *fact.Snapshot) { unsynced(s, 1, 2, 3); unsynced(s, 3, 2, 2) },
			want: want{id: id, node: "n2", subject: "n2", certainty: check.Hint}},
		{name: "a queue that does not drain", mutate: queue(3, 400, 500), want: want{id: id, node: "n3", certainty: check.Hint}},
		{name: "a state that is too large", mutate: func(s *fact.Snapshot) {
			facttest.Say(s, 1, time.Minute, fact.Statement{ID: "gossip-state-size", Count: 21000000, Text: "memberlist: Remote node state size is (21000000) limit is (20971520)"})
		}, want: want{id: id, node: "n1", certainty: check.Hint}},
		{name: "once is what a restart costs", mutate: func(s *fact.Snapshot) { unsynced(s, 1, 2, 1); unsynced(s, 3, 2, 1) }, check: id, answer: check.OK},
		{name: "found again since", mutate: func(s *fact.Snapshot) {
			unsynced(s, 1, 2, 3)
			facttest.Say(s, 1, 20*time.Second, fact.Statement{ID: "gossip-joined", Peer: facttest.PeerName(2), Benign: true, Text: "joined gossip cluster"})
		}, check: id, answer: check.OK},
		{name: "found again, and it goes on", mutate: func(s *fact.Snapshot) {
			unsynced(s, 1, 2, 3)
			facttest.Say(s, 1, 50*time.Second, fact.Statement{ID: "gossip-joined", Peer: facttest.PeerName(2), Benign: true, Text: "joined gossip cluster"})
		}, want: want{id: id, node: "n1", peer: "n2", certainty: check.Hint}},
		{name: "a queue that drains", mutate: queue(3, 900, 300, 0), check: id, answer: check.OK},
		{name: "a short queue", mutate: queue(3, 40, 60), check: id, answer: check.OK},
		{name: "no log", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 1, fact.KindLogs) }, check: id, answer: check.Unknown},
	})
}

// An entry that is missing beside the log makes it more than a hint, and its own
// finding a consequence of nothing else.
func TestGossipBulkSyncWithAMissingEntry(t *testing.T) {
	s := facttest.Healthy()
	untold(s, 2, 1)
	unsynced(s, 1, 2, 4)
	s.Earlier = s
	r := run(t, s)
	for _, c := range r.Causes {
		if c.ID == "gossip-bulksync-timeout" && c.Certainty == check.Strong {
			return
		}
	}
	t.Errorf("causes %s", ids(r.Causes))
}
