package check_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// meshAsked is a healthy routing mesh after a question about :8080, every
// request answered.
func meshAsked(engine string) *fact.Snapshot {
	s := facttest.MeshOn(engine)
	s.Question = fact.Question{Published: 8080}
	sc, err := expect.Resolve(s)
	if err != nil {
		panic(err)
	}
	s.Seen = fact.Seen{Published: expect.Mesh(s, &sc), Peers: s.Seen.Peers}
	for i := range s.Seen.Published {
		answer(&s.Seen.Published[i], fact.Open)
	}
	return s
}

// answer fills in requests that all ended so.
func answer(q *fact.PublishedProbe, o fact.Outcome) {
	q.Requests = nil
	for range q.Count {
		r := fact.Request{Outcome: o, At: time.Unix(1, 0)}
		if o == fact.Open && strings.HasPrefix(q.Proto, "http") {
			r.Status = 200
		}
		q.Requests = append(q.Requests, r)
	}
}

func TestHealthyMeshIsSilent(t *testing.T) {
	for _, engine := range []string{"20.10.24", "26.1.5", "28.5.2", "29.0.0", "29.0.0-beta.24"} {
		r, err := check.Run(meshAsked(engine), check.All(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Causes)+len(r.Elsewhere)+len(r.Settling) > 0 {
			t.Errorf("%s: %+v %+v %+v", engine, r.Causes, r.Elsewhere, r.Settling)
		}
		for _, a := range r.Checks {
			if a.Answer != check.OK {
				t.Errorf("%s: %s is %s: %s", engine, a.ID, a.Answer, a.Reason)
			}
		}
		if r.Verdict != check.VerdictOK || !strings.Contains(r.Summary, "port 8080 of api answered") {
			t.Errorf("%s: %s: %s", engine, r.Verdict, r.Summary)
		}
		for _, p := range r.Paths {
			for _, h := range p.Hops {
				if h.Answer != check.OK {
					t.Errorf("%s: %s %s: %s", engine, h.Node, h.Hop, h.Why)
				}
			}
		}
		if len(r.Paths) != 3 || len(r.Hosts) == 0 {
			t.Errorf("%s: %d paths, %d rows of hosts", engine, len(r.Paths), len(r.Hosts))
		}
	}
}

func TestUnexplainedPublishedPort(t *testing.T) {
	s := meshAsked("26.1.5")
	for i := range s.Seen.Published {
		if q := &s.Seen.Published[i]; q.Stage == fact.StageNode && q.Node == facttest.NodeOf(s, 2).ID {
			answer(q, fact.Timeout)
		}
	}
	r, err := check.Run(s, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != check.VerdictFailed || len(r.Causes) != 0 || !strings.HasPrefix(r.Summary, "reproduced, unexplained: port 8080 of api answered") {
		t.Errorf("%s: %s", r.Verdict, r.Summary)
	}
}

// Nodes ask in turn, nobody more often than a run allows, and enough that round
// robin meets every backend.
func TestMeshRequests(t *testing.T) {
	s := meshAsked("26.1.5")
	got := map[fact.NodeID]int{}
	for _, q := range s.Seen.Published {
		if q.Count < 1 || q.Count > expect.RequestsEach {
			t.Errorf("%+v", q)
		}
		if q.Stage == fact.StageNode {
			got[q.Node] += q.Count
			if s.NodeNamed(q.From.Node).ID == q.Node {
				t.Error("a node asks itself as if it were another")
			}
		}
	}
	for i := 1; i <= 3; i++ {
		if n := got[facttest.NodeOf(s, i).ID]; n != 6 {
			t.Errorf("node %d is asked %d times, want twice the number of backends", i, n)
		}
	}
}

func TestRequestFailedOnce(t *testing.T) {
	lost := func(s *fact.Snapshot) *fact.Snapshot {
		i := slices.IndexFunc(s.Seen.Published, func(q fact.PublishedProbe) bool { return q.Stage == fact.StageNode })
		s.Seen.Published[i].Requests[0] = fact.Request{Outcome: fact.Timeout, Err: "no answer within 2s", At: facttest.Taken}
		return s
	}
	second := meshAsked("26.1.5")
	if second.Earlier = lost(meshAsked("26.1.5")); !check.WantsSecondLook(second.Earlier, check.All()) {
		t.Error("a failed request that nothing explains wants no second look")
	}
	r := run(t, second)
	if r.Verdict != check.VerdictUnknown || len(r.NotAgain) != 1 || !strings.Contains(r.NotAgain[0], "port 8080 of n") || !strings.Contains(r.NotAgain[0], "no answer within 2s") {
		t.Errorf("verdict %s (%s), %q", r.Verdict, r.Summary, r.NotAgain)
	}
	second = lost(meshAsked("26.1.5"))
	second.Earlier = lost(meshAsked("26.1.5"))
	if r := run(t, second); r.Verdict != check.VerdictFailed || len(r.NotAgain) != 0 || !strings.Contains(r.Summary, "reproduced, unexplained") {
		t.Errorf("verdict %s (%s), %q", r.Verdict, r.Summary, r.NotAgain)
	}
	second.Earlier = nil
	second.Gaps = append(second.Gaps, fact.Gap{Kind: fact.KindTCP, Class: fact.ClassInterrupted, Reason: "interrupted before the second look"})
	if r := run(t, second); r.Verdict != check.VerdictUnknown || !strings.Contains(r.Summary, "1 request failed, not confirmed") {
		t.Errorf("interrupted: verdict %s (%s)", r.Verdict, r.Summary)
	}
}
