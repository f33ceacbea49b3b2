package check_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func tooManyQuestions(s *fact.Snapshot, ago time.Duration) {
	facttest.Say(s, 2, ago, fact.Statement{ID: "dns-forward-limit", Count: 1024, Text: "[resolver] more than 1024 concurrent queries"})
}

// What is about names outside is no cause of a question between services.
func TestDNSForwardLimit(t *testing.T) {
	s := facttest.Healthy()
	tooManyQuestions(s, time.Minute)
	if r := run(t, s); len(r.Causes) != 0 || len(r.Elsewhere) != 1 {
		t.Errorf("causes %s, elsewhere %s", ids(r.Causes), ids(r.Elsewhere))
	}
	wantCause(t, run(t, facttest.Whole(s)), want{id: "dns-forward-limit", node: "n2", subject: "n2", certainty: check.Strong})
}

// A server that is proven to be cut off is the cause; one that is merely silent
// stands beside it.
func TestDNSForwardLimitFollows(t *testing.T) {
	s := facttest.Mesh()
	s.Question = fact.Question{All: true}
	tooManyQuestions(s, time.Minute)
	silentServer(s, 2, 5)
	if r := run(t, s); len(r.Causes) != 2 || r.Causes[0].ID != "dns-forward-limit" {
		t.Errorf("causes %s", ids(r.Causes))
	}
	hostRule(s, 2, "-A FORWARD -p udp -m udp --dport 53 -j DROP")
	r := run(t, s)
	if len(r.Causes) != 1 || r.Causes[0].ID != "dns-upstream-unreachable" || len(r.Causes[0].Explains) == 0 {
		t.Errorf("causes %s", ids(r.Causes))
	}
}

func TestDNSForwardLimitIsNot(t *testing.T) {
	s := facttest.Whole(facttest.Healthy())
	tooManyQuestions(s, time.Hour)
	wantAnswer(t, run(t, s), "dns-forward-limit", check.OK)
	s = facttest.Healthy()
	facttest.Miss(s, 2, fact.KindLogs)
	wantAnswer(t, run(t, s), "dns-forward-limit", check.Unknown)
}
