package check_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// unreadable makes node i say that it cannot read what comes from there.
func unreadable(s *fact.Snapshot, i int, from netip.Addr) {
	for n := range 3 {
		facttest.Say(s, i, time.Duration(n)*time.Minute, fact.Statement{ID: "gossip-key-mismatch", Addr: from,
			Text: "memberlist: Decrypt packet failed: No installed keys could decrypt the message from=" + from.String() + ":7946"})
	}
}

func TestGossipKeyMismatch(t *testing.T) {
	id := "gossip-key-mismatch"
	stranger := netip.MustParseAddr("192.0.2.7")
	mutations(t, []mutation{
		{name: "a node that all cannot read", mutate: func(s *fact.Snapshot) {
			unreadable(s, 1, facttest.VTEP(3))
			unreadable(s, 2, facttest.VTEP(3))
		}, want: want{id: id, node: "n3", subject: "n3", certainty: check.Hint}},
		{name: "a pair", mutate: func(s *fact.Snapshot) { unreadable(s, 1, facttest.VTEP(3)) }, want: want{id: id, node: "n1", peer: "n3", certainty: check.Hint}},
		{name: "a node that is not among the peers", mutate: func(s *fact.Snapshot) {
			for _, i := range []int{1, 2} {
				unreadable(s, i, facttest.VTEP(3))
				forgetGossip(s, i, 3)
			}
		}, want: want{id: id, node: "n3", subject: "n3", certainty: check.Strong}},
		{name: "a stranger harms nobody", mutate: func(s *fact.Snapshot) { unreadable(s, 2, stranger) }, check: id, answer: check.Failed},
		{name: "long ago", mutate: func(s *fact.Snapshot) {
			facttest.Say(s, 2, time.Hour, fact.Statement{ID: id, Addr: facttest.VTEP(3), Text: "x"})
		}, check: id, answer: check.OK},
		{name: "no log", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 2, fact.KindLogs) }, check: id, answer: check.Unknown},
	})
}

// A port scanner is told, and is no cause of a question between services; for the
// whole Swarm it is a hint.
func TestGossipStranger(t *testing.T) {
	s := facttest.Healthy()
	unreadable(s, 2, netip.MustParseAddr("192.0.2.7"))
	if r := run(t, s); r.Verdict == check.VerdictFailed || len(r.Causes) != 0 || len(r.Elsewhere) != 1 {
		t.Errorf("%s: causes %s, elsewhere %s", r.Verdict, ids(r.Causes), ids(r.Elsewhere))
	}
	s = facttest.Whole(s)
	r := run(t, s)
	wantCause(t, r, want{id: "gossip-key-mismatch", node: "n2", certainty: check.Hint})
	if !strings.Contains(r.Causes[0].Relief, "192.0.2.7") {
		t.Errorf("relief %q", r.Causes[0].Relief)
	}
}
