package check_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func lateKeys(s *fact.Snapshot, i int) {
	makeMTU(s, 0, true)
	facttest.Say(s, i, 3*time.Minute, fact.Statement{ID: "xfrm-key-desync", Text: "cannot find proper key indices while processing key update"})
}

func TestXfrmKeyDesync(t *testing.T) {
	id := "xfrm-key-desync"
	for _, row := range []struct {
		name   string
		mutate func(*fact.Snapshot)
		answer check.Answer
		c      check.Certainty
	}{
		{"the log says so", func(s *fact.Snapshot) { lateKeys(s, 3) }, check.Failed, check.Hint},
		{"and packets are thrown away", func(s *fact.Snapshot) {
			lateKeys(s, 3)
			facttest.NodeOf(s, 1).Kernel.Host().Counter("", "XfrmInNoStates").After += 7
		}, check.Failed, check.Strong},
		{"no network is encrypted", func(s *fact.Snapshot) {
			facttest.Say(s, 3, time.Minute, fact.Statement{ID: "xfrm-key-desync", Text: "x"})
		}, check.OK, ""},
		{"long ago", func(s *fact.Snapshot) {
			makeMTU(s, 0, true)
			facttest.Say(s, 3, time.Hour, fact.Statement{ID: "xfrm-key-desync", Text: "x"})
		}, check.OK, ""},
		{"no log", func(s *fact.Snapshot) { makeMTU(s, 0, true); facttest.Miss(s, 3, fact.KindLogs) }, check.Unknown, ""},
	} {
		s := facttest.Healthy()
		row.mutate(s)
		r := run(t, s)
		wantAnswer(t, r, id, row.answer)
		for _, c := range r.Causes {
			if c.ID == id && (c.Node != "n3" || c.Certainty != row.c) {
				t.Errorf("%s: %+v", row.name, c)
			}
		}
	}
}
