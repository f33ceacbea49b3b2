package check_test

// A namespace has no clock of its own (time namespaces hold the monotonic and
// the boot clock only), so the lab cannot inject this; these tests are all.

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// shift sets node i's clock off, as its agent told it within this time.
func shift(s *fact.Snapshot, i int, off, within time.Duration) {
	n := facttest.NodeOf(s, i)
	n.ClockOffset, n.ClockWithin = off, within
}

func TestClockSkew(t *testing.T) {
	id := "clock-skew"
	mutations(t, []mutation{
		{name: "eight seconds ahead", mutate: func(s *fact.Snapshot) { shift(s, 3, 8*time.Second, 200*time.Millisecond) },
			want: want{id: id, node: "n3", subject: "n3", certainty: check.Hint}},
		{name: "a day behind", mutate: func(s *fact.Snapshot) { shift(s, 3, -24*time.Hour, time.Second) },
			want: want{id: id, node: "n3", certainty: check.Strong}},
		{name: "this node is the one that is off", mutate: func(s *fact.Snapshot) {
			shift(s, 2, 2*time.Hour, time.Second)
			shift(s, 3, 2*time.Hour, time.Second)
		}, want: want{id: id, node: "n1", certainty: check.Strong}},
		{name: "an engine asked from afar", mutate: func(s *fact.Snapshot) {
			facttest.NodeOf(s, 2).Engine.ClockOffset = -10 * time.Second
		}, want: want{id: id, node: "n2", certainty: check.Hint}},
		{name: "within what the answer took", mutate: func(s *fact.Snapshot) { shift(s, 3, 9*time.Second, 5*time.Second) }, check: id, answer: check.OK},
		{name: "four seconds", mutate: func(s *fact.Snapshot) { shift(s, 3, 4*time.Second, 0) }, check: id, answer: check.OK},
	})
}
