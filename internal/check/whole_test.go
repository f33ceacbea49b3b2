package check_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// backstage adds the service db, on node 3 only, on a network that nobody shares.
func backstage(s *fact.Snapshot) fact.TaskID {
	net := *s.Wanted.Network(facttest.App)
	net.ID, net.Name, net.VNIs = "netback00000000000000000", "back", []uint32{4098}
	net.Subnets = []fact.Subnet{{Prefix: netip.MustParsePrefix("10.0.2.0/24"), Gateway: netip.MustParseAddr("10.0.2.1")}}
	svc := *s.Wanted.ServiceNamed("web")
	svc.ID, svc.Name, svc.Replicas, svc.Attached = "svcdb00000000000000000000", "db", 1, []fact.Attachment{{Network: net.ID}}
	t := *s.Wanted.Task(facttest.Web(3))
	t.ID, t.ServiceID, t.Service, t.Slot, t.Container = "db10000000000000000000000", svc.ID, "db", 1, ""
	t.Addresses = []fact.TaskAddress{{Network: net.ID, Addr: netip.MustParsePrefix("10.0.2.5/24")}}
	s.Wanted.Networks, s.Wanted.Services, s.Wanted.Tasks = append(s.Wanted.Networks, net), append(s.Wanted.Services, svc), append(s.Wanted.Tasks, t)
	return t.ID
}

// failing makes a task fail again and again.
func failing(s *fact.Snapshot, id fact.TaskID) {
	t := s.Wanted.Task(id)
	t.State, t.Desired, t.Err = "failed", "shutdown", "task: non-zero exit (1)"
	t.StateSince, t.Updated = facttest.Taken.Add(-2*60e9), facttest.Taken.Add(-2*60e9)
	old := *t
	old.ID = "db00000000000000000000000"
	old.Created = old.Created.Add(-60e9)
	s.Wanted.Tasks = append(s.Wanted.Tasks, old)
}

func TestWholeHealthy(t *testing.T) {
	for _, services := range [][]string{nil, {"web"}, {"api", "web"}} {
		s := facttest.Whole(facttest.Healthy(), services...)
		r := run(t, s)
		if r.Verdict != check.VerdictOK || len(r.Causes)+len(r.Elsewhere)+len(r.Gaps) != 0 {
			t.Errorf("%q: %s, %q, causes %s, checks %+v", services, r.Verdict, r.Summary, ids(r.Causes), unknown(r))
		}
		if r.Question.To != "" || r.Question.From != "" || !slices.Equal(r.Question.Services, services) {
			t.Errorf("%q: question %+v", services, r.Question)
		}
		if len(r.Tasks) != 6 || len(r.Probes) != 18 {
			t.Errorf("%q: %d tasks, %d probes", services, len(r.Tasks), len(r.Probes))
		}
		if check.WantsSecondLook(s, check.All()) {
			t.Errorf("%q: a second look", services)
		}
	}
}

func unknown(r *check.Report) []check.CheckAnswer {
	return slices.DeleteFunc(slices.Clone(r.Checks), func(a check.CheckAnswer) bool { return a.Answer == check.OK })
}

func TestWholeFindsFaults(t *testing.T) {
	s := facttest.Whole(broken())
	wantCause(t, run(t, s), want{id: "fdb-missing", node: "n1", peer: "n2", certainty: check.Proof})
	s = facttest.Whole(broken(), "web")
	wantCause(t, run(t, s), want{id: "fdb-missing", node: "n1", peer: "n2", certainty: check.Proof})
}

// TestWholeOffThePath: what diagnose says of another question, check calls a
// cause.
func TestWholeOffThePath(t *testing.T) {
	s := facttest.Healthy()
	failing(s, backstage(s))
	if r := run(t, s); len(r.Causes) != 0 {
		t.Errorf("web → api is not about db: %s", ids(r.Causes))
	}
	r := run(t, facttest.Whole(s))
	wantCause(t, r, want{id: "task-not-running", subject: "db", certainty: check.Proof})
	if r.ExitCode() != check.ExitFailed {
		t.Errorf("exit code %d", r.ExitCode())
	}
	s.Question.Services = []string{"web"}
	if r := run(t, s); len(r.Causes) != 0 {
		t.Errorf("db shares no network with web: %s", ids(r.Causes))
	}
}

// TestWholeSeesEveryNode: a node without tasks counts, too.
func TestWholeSeesEveryNode(t *testing.T) {
	s := facttest.Healthy()
	s.Wanted.Nodes = append(s.Wanted.Nodes, fact.SwarmNode{ID: "node4", Hostname: "n4", Role: "worker", Availability: "active", State: "ready",
		Addr: facttest.VTEP(4), EngineVersion: "26.1.5", Created: facttest.Taken, Updated: facttest.Taken})
	s.Gaps = append(s.Gaps, fact.Gap{Node: "n4", Kind: fact.KindNode, Class: fact.ClassUnseen, Reason: "n4 is drained"})
	r := run(t, facttest.Whole(s))
	if r.Verdict != check.VerdictUnknown || len(r.Causes) != 0 {
		t.Errorf("%s, %s", r.Verdict, ids(r.Causes))
	}
	for _, a := range r.Checks {
		if a.ID == "fdb-missing" && a.Answer != check.Unknown {
			t.Errorf("fdb-missing is %s of a node that was not looked at", a.Answer)
		}
	}
}

// TestWholeBlind: what could not be seen is missing here, too.
func TestWholeBlind(t *testing.T) {
	for _, name := range facttest.Scenarios() {
		s := facttest.Whole(facttest.Scenario(name))
		if s.Earlier != nil {
			facttest.Whole(s.Earlier)
		}
		r := run(t, s)
		if was := run(t, facttest.Scenario(name)); r.Verdict != was.Verdict {
			t.Errorf("%s: %s, as a question %s: %+v", name, r.Verdict, was.Verdict, fmt.Sprint(unknown(r)))
		}
	}
}

func TestWholeUnknownService(t *testing.T) {
	_, err := check.Run(facttest.Whole(facttest.Healthy(), "wbe"), check.All(), 0)
	if err == nil || err.Error() != `service "wbe" is not known here; did you mean web?` {
		t.Errorf("%v", err)
	}
}
