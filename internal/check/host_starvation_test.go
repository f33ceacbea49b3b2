package check_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// starve makes node 3's engine wait for a processor.
func starve(s *fact.Snapshot, run, wait time.Duration) {
	host := facttest.NodeOf(s, 3).Kernel.Host()
	r, w := host.Counter("", "dockerd.run"), host.Counter("", "dockerd.wait")
	r.After, w.After = r.Before+uint64(run), w.Before+uint64(wait)
}

// busy makes tasks of node 3's machine wait for processors.
func busy(s *fact.Snapshot, share float64) {
	k := facttest.NodeOf(s, 3).Kernel
	k.Strain.Load[0], k.Strain.Of("cpu").Some[0] = 41, share
}

// namesLate has one question about a name in node 3's containers go unanswered.
func namesLate(s *fact.Snapshot) {
	for i := range s.Seen.DNS {
		if d := &s.Seen.DNS[i]; d.From.Node == "n3" {
			d.Outcome, d.Addrs = fact.Timeout, nil
			return
		}
	}
}

func unhealthy(s *fact.Snapshot, times int) {
	for n := range times {
		facttest.Say(s, 3, time.Duration(n)*time.Minute, fact.Statement{ID: "gossip-health", Count: 3, Stats: &fact.GossipStats{HealthScore: 3}, Text: "NetworkDB stats n3(x) - healthscore:3 (connectivity issues)"})
	}
}

func TestHostStarvation(t *testing.T) {
	id := "host-starvation"
	strong := want{id: id, node: "n3", subject: "n3", certainty: check.Strong}
	mutations(t, []mutation{
		{name: "the engine waits and is suspected", mutate: func(s *fact.Snapshot) { starve(s, 50*time.Millisecond, 3*time.Second); refute(s, 3, 2) }, want: strong},
		{name: "and flaps", mutate: func(s *fact.Snapshot) {
			starve(s, 50*time.Millisecond, 3*time.Second)
			refute(s, 3, 2)
			flap(s, 1, 3, 4)
			flap(s, 2, 3, 4)
		}, want: strong, explain: 1},
		{name: "memory ran out", mutate: func(s *fact.Snapshot) {
			facttest.Say(s, 3, time.Minute, fact.Statement{From: fact.FromKernel, ID: "out-of-memory", Text: "Out of memory: Killed process 77 (java)"})
			unhealthy(s, 2)
		}, want: strong},
		{name: "the machine is busy, and names are late", mutate: func(s *fact.Snapshot) { busy(s, 97); namesLate(s) },
			want: want{id: id, node: "n3", certainty: check.Hint}},
		{name: "the machine is busy, and its log has other days", mutate: func(s *fact.Snapshot) { busy(s, 97); refute(s, 3, 2); unhealthy(s, 2) }, check: id, answer: check.OK},
		{name: "the engine waits, and nobody minds", mutate: func(s *fact.Snapshot) { starve(s, 50*time.Millisecond, 3*time.Second); busy(s, 99) }, check: id, answer: check.OK},
		{name: "a moment's queue", mutate: func(s *fact.Snapshot) { starve(s, 0, 300*time.Millisecond); refute(s, 3, 2) }, check: id, answer: check.OK},
		{name: "it works hard", mutate: func(s *fact.Snapshot) { starve(s, 3*time.Second, 3*time.Second); refute(s, 3, 2) }, check: id, answer: check.OK},
		{name: "suspected without need", mutate: func(s *fact.Snapshot) { refute(s, 3, 2); unhealthy(s, 2) }, check: id, answer: check.OK},
		{name: "no log", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 3, fact.KindLogs) }, check: id, answer: check.Unknown},
		{name: "no counters", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 3, fact.KindCounters) }, check: id, answer: check.Unknown},
	})
}
