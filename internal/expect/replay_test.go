package expect_test

import (
	"slices"
	"testing"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// TestAskAnewLeavesWhatBelongs: the very question that a snapshot was taken for
// finds every probe, and another one says what it misses.
func TestAskAnewLeavesWhatBelongs(t *testing.T) {
	s := facttest.Healthy()
	tcp, dns, gaps := len(s.Seen.TCP), len(s.Seen.DNS), len(s.Gaps)
	expect.AskAnew(s, s.Question)
	if len(s.Seen.TCP) != tcp || len(s.Seen.DNS) != dns || len(s.Gaps) != gaps {
		t.Errorf("its own question: %d of %d connections, %d of %d look-ups, gaps %v", len(s.Seen.TCP), tcp, len(s.Seen.DNS), dns, s.Gaps[gaps:])
	}
	q := s.Question
	q.Port = 9
	expect.AskAnew(s, q)
	missing := slices.ContainsFunc(s.Gaps, func(g fact.Gap) bool { return g.Kind == fact.KindTCP && g.Class == fact.ClassUnseen })
	if len(s.Seen.TCP) != 0 || !missing {
		t.Errorf("another port: %d connections stay, gaps %v", len(s.Seen.TCP), s.Gaps)
	}
}

func TestAskAnewNarrower(t *testing.T) {
	s := facttest.Healthy()
	all := len(s.Seen.TCP)
	q := s.Question
	q.From = "web.1"
	expect.AskAnew(s, q)
	if len(s.Seen.TCP) == 0 || len(s.Seen.TCP) >= all {
		t.Errorf("%d of %d connections belong to one of several tasks", len(s.Seen.TCP), all)
	}
	for _, p := range s.Seen.TCP {
		if p.From.Task != s.Seen.TCP[0].From.Task {
			t.Errorf("a connection of %s stays", p.From.Task)
		}
	}
	if len(s.Gaps) > 0 {
		t.Errorf("all was sent, but: %v", s.Gaps)
	}
}

// TestAskAnewKeepsLaddersOfTheWay: of a whole Swarm one ladder a pair of nodes is
// climbed, by whichever tasks; it belongs to every question about that way.
func TestAskAnewKeepsLaddersOfTheWay(t *testing.T) {
	s := facttest.Whole(facttest.Healthy())
	// From n2 to n3 only api's task has climbed one, to web's.
	s.Seen.MTU = slices.DeleteFunc(s.Seen.MTU, func(p fact.MTUProbe) bool {
		return p.From.Node == "n2" && !(p.From.Task == facttest.Api(2) && p.To == facttest.Web(3))
	})
	expect.AskAnew(s, fact.Question{From: "web.2", To: "api.3", Port: 8080, Proto: "tcp"})
	if len(s.Seen.MTU) != 1 || s.Seen.MTU[0].To != facttest.Web(3) {
		t.Errorf("ladders left: %+v", s.Seen.MTU)
	}
	expect.AskAnew(s, fact.Question{From: "web.2", To: "api.1", Port: 8080, Proto: "tcp"})
	if len(s.Seen.MTU) != 0 {
		t.Errorf("ladders of another way: %+v", s.Seen.MTU)
	}
}
