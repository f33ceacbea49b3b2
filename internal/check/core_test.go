package check_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// broken is Healthy with the forwarding row for api's task on node 2 gone from
// node 1, and the probe silent.
func broken() *fact.Snapshot {
	s := facttest.Healthy()
	dropFDB(s, 1, fact.OverlayMAC(facttest.ApiIP(2)))
	facttest.Fail(s, 1, facttest.Api(2), fact.Timeout)
	return s
}

// young makes a task look as if it had changed ten seconds ago.
func young(s *fact.Snapshot, id fact.TaskID) {
	t := s.Wanted.Task(id)
	t.Updated = facttest.Taken.Add(-10 * time.Second)
	t.StateSince = t.Updated
}

func TestSecondLook(t *testing.T) {
	steady := broken()
	if check.WantsSecondLook(steady, check.All()) {
		t.Error("a steady object with a failed probe wants a second look")
	}
	moving := broken()
	young(moving, facttest.Api(2))
	if !check.WantsSecondLook(moving, check.All()) {
		t.Error("an object that changed ten seconds ago wants no second look")
	}
	if r := run(t, moving); len(r.Causes) != 0 || len(r.Settling) != 1 {
		t.Errorf("one look at a moving object: causes %s, settling %s", ids(r.Causes), ids(r.Settling))
	}
	if check.WantsSecondLook(facttest.Healthy(), check.All()) {
		t.Error("a healthy snapshot wants a second look")
	}
}

func TestSecondLookAtTheSame(t *testing.T) {
	first, second := broken(), broken()
	young(first, facttest.Api(2))
	young(second, facttest.Api(2))
	second.Earlier = first
	r := run(t, second)
	wantCause(t, r, want{id: "fdb-missing", node: "n1", peer: "n2", certainty: check.Strong})
	if r.Work.Looks != 2 {
		t.Errorf("looks %d, want 2", r.Work.Looks)
	}
	if check.WantsSecondLook(second, check.All()) {
		t.Error("a second look wants a third")
	}
}

func TestWhatMovesBetweenLooksSettles(t *testing.T) {
	moves := map[string]func(*fact.Snapshot){
		"task restarted":  func(s *fact.Snapshot) { s.Wanted.Task(facttest.Api(2)).Updated = facttest.Taken },
		"service updated": func(s *fact.Snapshot) { s.Wanted.ServiceNamed("api").Updated = facttest.Taken },
		"node drained":    func(s *fact.Snapshot) { s.Wanted.Node(facttest.Node(2)).Availability = "drain" },
		"engine restarted": func(s *fact.Snapshot) {
			facttest.NodeOf(s, 1).Engine.Started = facttest.Taken.Add(-time.Second)
		},
	}
	for name, move := range moves {
		t.Run(name, func(t *testing.T) {
			first, second := broken(), broken()
			young(first, facttest.Api(2))
			young(second, facttest.Api(2))
			second.Earlier = first
			if name == "service updated" {
				// A service counts where the finding rests on it; the task's own
				// change is what an update does to it.
				second.Wanted.Task(facttest.Api(2)).Updated = facttest.Taken
			}
			move(second)
			r := run(t, second)
			if len(r.Causes) != 0 {
				t.Errorf("causes %s, want none", ids(r.Causes))
			}
			if r.Verdict == check.VerdictOK {
				t.Error("verdict ok with something settling")
			}
		})
	}
}

func TestGoneInTheSecondLook(t *testing.T) {
	second := facttest.Healthy()
	second.Earlier = broken()
	young(second, facttest.Api(2))
	young(second.Earlier, facttest.Api(2))
	if r := run(t, second); r.Verdict != check.VerdictOK || len(r.NotAgain) != 1 || !strings.Contains(r.Summary, "1 failed two seconds before, and not again") {
		t.Errorf("verdict %s (%s), want ok: what had just changed healed; and told", r.Verdict, r.Summary)
	}
}

// What fails now and then is what people ask about at night: where nothing had
// changed for a minute, nothing that heals by itself explains it.
func TestFailedOnceOnSteadyObjects(t *testing.T) {
	second := facttest.Healthy()
	second.Earlier = broken()
	r := run(t, second)
	if r.Verdict != check.VerdictUnknown || len(r.Causes) != 0 || !strings.Contains(r.Summary, "not reproduced: 9 of 9") ||
		len(r.NotAgain) != 1 || !strings.Contains(r.NotAgain[0], "web.1") || !strings.Contains(r.NotAgain[0], "timeout") {
		t.Errorf("verdict %s (%s), %q", r.Verdict, r.Summary, r.NotAgain)
	}
	second = broken() // it lasts
	second.Earlier = broken()
	if r := run(t, second); r.Verdict != check.VerdictFailed || len(r.NotAgain) != 0 {
		t.Errorf("verdict %s (%s), %q", r.Verdict, r.Summary, r.NotAgain)
	}
}

func TestUnexplained(t *testing.T) {
	s := facttest.OneNode()
	facttest.Fail(s, 1, facttest.Api(2), fact.Refused)
	if !check.WantsSecondLook(s, check.All()) {
		t.Error("what no cause explains is called reproduced after one look")
	}
	r := run(t, s)
	if len(r.Causes) != 0 || r.Verdict != check.VerdictFailed || r.ExitCode() != check.ExitFailed {
		t.Fatalf("causes %s, verdict %s, exit %d; want none, failed, 3", ids(r.Causes), r.Verdict, r.ExitCode())
	}
	if !strings.Contains(r.Summary, "reproduced, unexplained") {
		t.Errorf("summary %q", r.Summary)
	}
}

func TestElsewhere(t *testing.T) {
	s := facttest.Healthy()
	// The row of node 3 for a task of web that nobody asked about, seen from the
	// question web.1 → api.1 on node 1.
	s.Question = fact.Question{From: "web.1", To: "api.1", Port: 8080}
	dropFDB(s, 1, fact.OverlayMAC(facttest.ApiIP(3)))
	first := facttest.Healthy()
	dropFDB(first, 1, fact.OverlayMAC(facttest.ApiIP(3)))
	first.Question = s.Question
	s.Earlier = first
	r := run(t, s)
	if len(r.Causes) != 0 || len(r.Elsewhere) != 1 || r.Verdict == check.VerdictFailed {
		t.Errorf("causes %s, elsewhere %s, verdict %s; want it elsewhere only", ids(r.Causes), ids(r.Elsewhere), r.Verdict)
	}
}

func TestAlikeFindingsBecomeOneCause(t *testing.T) {
	s := broken()
	dropFDB(s, 1, fact.OverlayMAC(facttest.WebIP(2)))
	first := facttest.Healthy()
	dropFDB(first, 1, fact.OverlayMAC(facttest.WebIP(2)))
	s.Earlier = first
	r := run(t, s)
	if len(r.Causes) != 1 || len(r.Causes[0].Evidence) != 2 || !strings.Contains(r.Causes[0].Relief, "\n") {
		t.Errorf("causes %+v, want one with two rows of evidence and two commands", r.Causes)
	}
}

func TestUnknownName(t *testing.T) {
	s := facttest.Healthy()
	s.Question.To = "apu"
	_, err := check.Run(s, check.All(), 0)
	if err == nil || !strings.Contains(err.Error(), "did you mean api") {
		t.Errorf("error %v, want the nearest name", err)
	}
}

func TestTasksOfTheReport(t *testing.T) {
	s := facttest.Healthy()
	old := *s.Wanted.Task(facttest.Api(2))
	old.ID, old.Desired, old.State, old.Err = "api2old000000000000000000", "shutdown", "failed", "task: non-zero exit (1)"
	s.Wanted.Tasks = append(s.Wanted.Tasks, old)
	r := run(t, s)
	i := slices.IndexFunc(r.Tasks, func(x check.Task) bool { return x.ID == old.ID })
	if i < 0 || r.Tasks[i].Error == "" || r.Tasks[i].Created == nil {
		t.Errorf("tasks %+v, want the failed one before api.2 with its error and times", r.Tasks)
	}
	for _, x := range r.Tasks {
		if x.ID == facttest.Api(2) && (x.HostIP != "10.77.0.12" || x.Address != "10.0.1.22" || x.Reachable == nil || !*x.Reachable) {
			t.Errorf("api.2: %+v", x)
		}
	}
}

func TestNothingIsReproducedThatWasNotTriedAgain(t *testing.T) {
	s := facttest.Healthy()
	facttest.Fail(s, 1, facttest.Api(2), fact.Refused)
	s.Gaps = append(s.Gaps, fact.Gap{Kind: fact.KindTCP, Class: fact.ClassInterrupted, Reason: "interrupted before the second look"})
	if r := run(t, s); r.Verdict != check.VerdictUnknown || !strings.Contains(r.Summary, "1 of 9 connections failed, not confirmed") {
		t.Errorf("verdict %s (%s)", r.Verdict, r.Summary)
	}
	s = broken() // and what a cause accounts for is as certain as that
	s.Gaps = append(s.Gaps, fact.Gap{Kind: fact.KindTCP, Class: fact.ClassInterrupted, Reason: "interrupted before the second look"})
	if r := run(t, s); r.Verdict != check.VerdictFailed {
		t.Errorf("verdict %s (%s)", r.Verdict, r.Summary)
	}
}
