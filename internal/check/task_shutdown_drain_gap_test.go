package check_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// replaced makes api.2 the successor of a task that ended so long ago, so fast
// after it was told to.
func replaced(s *fact.Snapshot, ago, took time.Duration) time.Time {
	end := facttest.Taken.Add(-ago)
	now := s.Wanted.Task(facttest.Api(2))
	now.Created = end.Add(-took)
	now.Updated, now.StateSince = end.Add(2*time.Second), end.Add(2*time.Second)
	old := *now
	old.ID, old.Desired, old.State, old.Container = "api2old000000000000000000", "shutdown", "shutdown", ""
	old.Created, old.Updated, old.StateSince = hourBefore, end, end
	s.Wanted.Tasks = append(s.Wanted.Tasks, old)
	return end
}

var hourBefore = facttest.Taken.Add(-time.Hour)

// failsAt makes one request to node 2 fail at that moment.
func failsAt(s *fact.Snapshot, at time.Time) {
	for i := range s.Seen.Published {
		q := &s.Seen.Published[i]
		for k := range q.Requests {
			q.Requests[k].At = at.Add(-time.Minute)
		}
		if q.Stage == fact.StageNode && q.Node == facttest.Node(2) {
			q.Requests[0].Outcome, q.Requests[0].Status, q.Requests[0].At = fact.Refused, 0, at
		}
	}
}

func TestTaskShutdownDrainGap(t *testing.T) {
	id := "task-shutdown-drain-gap"
	s := meshAsked("26.1.5")
	failsAt(s, replaced(s, 20*time.Second, 300*time.Millisecond).Add(time.Second))
	s.Earlier = s
	r := run(t, s)
	wantCause(t, r, want{id: id, subject: "api", certainty: check.Strong})

	s = facttest.Healthy()
	end := replaced(s, time.Hour/2, 300*time.Millisecond)
	s.Question.Since, s.Question.Until = end.Add(-time.Minute), end.Add(time.Minute)
	wantCause(t, run(t, s), want{id: id, subject: "api", certainty: check.Hint})
}

func TestTaskShutdownDrainGapIsNot(t *testing.T) {
	id := "task-shutdown-drain-gap"
	for name, f := range map[string]func(s *fact.Snapshot){
		"every request was answered": func(s *fact.Snapshot) { replaced(s, 20*time.Second, 300*time.Millisecond) },
		"the program waited":         func(s *fact.Snapshot) { failsAt(s, replaced(s, 20*time.Second, 6*time.Second)) },
		"it failed later":            func(s *fact.Snapshot) { failsAt(s, replaced(s, time.Minute, time.Second).Add(20*time.Second)) },
		"asked about another time": func(s *fact.Snapshot) {
			replaced(s, time.Minute, time.Second)
			s.Question.Since, s.Question.Until = hourBefore, hourBefore.Add(time.Minute)
		},
	} {
		s := meshAsked("26.1.5")
		f(s)
		for _, a := range run(t, s).Checks {
			if a.ID == id && a.Answer != check.OK {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
	s := facttest.Healthy()
	facttest.MissAll(s, fact.KindSwarm)
	wantAnswer(t, run(t, s), id, check.Unknown)
}
