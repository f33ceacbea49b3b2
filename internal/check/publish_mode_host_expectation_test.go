package check_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// hostPort asks for :8080, which api publishes in host mode, on every node; it
// has no task on those named, so nothing listens there.
func hostPort(s *fact.Snapshot, without ...int) {
	s.Question = fact.Question{Published: 8080}
	var gone []fact.NodeID
	for _, i := range without {
		gone = append(gone, facttest.Node(i))
		s.Wanted.Tasks = slices.DeleteFunc(s.Wanted.Tasks, func(t fact.Task) bool { return t.ID == facttest.Api(i) })
	}
	sc, err := expect.Resolve(s)
	if err != nil {
		panic(err)
	}
	s.Seen = fact.Seen{Published: expect.Mesh(s, &sc), Peers: s.Seen.Peers}
	for k := range s.Seen.Published {
		q := &s.Seen.Published[k]
		answer(q, fact.Open)
		if slices.Contains(gone, q.Node) {
			answer(q, fact.Refused)
		}
	}
}

func TestPublishModeHost(t *testing.T) {
	hosts := want{id: "publish-mode-host-expectation", subject: "api", certainty: check.Proof}
	mutations(t, []mutation{
		{name: "one task on three nodes", mutate: func(s *fact.Snapshot) { hostPort(s, 2, 3) }, want: hosts, explain: 4},
		{name: "all nodes but one", mutate: func(s *fact.Snapshot) { hostPort(s, 3) }, want: hosts},
		{name: "nobody was asked", mutate: func(s *fact.Snapshot) {
			hostPort(s, 3)
			s.Seen = fact.Seen{}
		}, want: hosts},
		{name: "a task on every node", mutate: func(s *fact.Snapshot) { hostPort(s) }, check: "publish-mode-host-expectation", answer: check.OK},
		{name: "somebody else answers there", mutate: func(s *fact.Snapshot) {
			hostPort(s, 3)
			for k := range s.Seen.Published {
				answer(&s.Seen.Published[k], fact.Open)
			}
		}, check: "publish-mode-host-expectation", answer: check.OK},
		{name: "the port was not asked for", mutate: func(s *fact.Snapshot) {
			hostPort(s, 3)
			s.Question = fact.Question{From: "web", To: "api", Port: 8080}
			s.Seen = fact.Seen{}
		}, check: "publish-mode-host-expectation", answer: check.OK},
		{name: "managers do not answer", mutate: func(s *fact.Snapshot) { facttest.MissAll(s, fact.KindSwarm) },
			check: "publish-mode-host-expectation", answer: check.Unknown},
	})
}

// A port of the routing mesh is to answer on every node: that is its point.
func TestPublishModeHostIsNotTheMesh(t *testing.T) {
	s := meshAsked("26.1.5")
	s.Wanted.Tasks = slices.DeleteFunc(s.Wanted.Tasks, func(t fact.Task) bool { return t.ID == facttest.Api(3) })
	wantAnswer(t, run(t, s), "publish-mode-host-expectation", check.OK)
}

// A node that has a task and does not answer is another trouble.
func TestPublishModeHostClaimsItsNodesOnly(t *testing.T) {
	s := facttest.Healthy()
	hostPort(s, 3)
	for k := range s.Seen.Published {
		if q := &s.Seen.Published[k]; q.Node == facttest.Node(2) {
			answer(q, fact.Timeout)
		}
	}
	r := run(t, s)
	if len(r.Causes) != 1 || !strings.Contains(r.Summary, "explained by no cause") {
		t.Errorf("%s: %+v", r.Summary, r.Causes)
	}
}

// TestHostPortNeedsNoOverlay: what is wrong with an overlay is no cause of a
// question about a port of hosts, and is told all the same.
func TestHostPortNeedsNoOverlay(t *testing.T) {
	look := func() *fact.Snapshot {
		s := facttest.Healthy()
		hostPort(s)
		dropFDB(s, 1, fact.OverlayMAC(facttest.ApiIP(2)))
		return s
	}
	s := look()
	s.Earlier = look()
	if r := run(t, s); r.Verdict != check.VerdictOK || len(r.Causes) != 0 || len(r.Elsewhere) != 1 || r.Elsewhere[0].ID != "fdb-missing" {
		t.Errorf("%s: causes %s, elsewhere %s", r.Verdict, ids(r.Causes), ids(r.Elsewhere))
	}
}
