package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestAppBoundToLoopback(t *testing.T) {
	id := "app-bound-to-loopback"
	one := want{id: id, node: "n2", subject: string(facttest.Api(2)), certainty: check.Proof}
	mutations(t, []mutation{
		{name: "127.0.0.1", mutate: func(s *fact.Snapshot) { listen(s, 2, "tcp 127.0.0.1:8080"); refuse(s, 2) }, want: one, explain: 3},
		{name: "::1", mutate: func(s *fact.Snapshot) { listen(s, 2, "tcp [::1]:8080"); refuse(s, 2) }, want: one},
		{name: "both", mutate: func(s *fact.Snapshot) { listen(s, 2, "tcp 127.0.0.1:8080", "tcp [::1]:8080"); refuse(s, 2) }, want: one},
		{name: "mapped into IPv6", mutate: func(s *fact.Snapshot) { listen(s, 2, "tcp [::ffff:127.0.0.1]:8080"); refuse(s, 2) }, want: one},
		{name: "all tasks of the service", mutate: func(s *fact.Snapshot) {
			for i := 1; i <= 3; i++ {
				listen(s, i, "tcp 127.0.0.1:8080")
				refuse(s, i)
			}
		}, want: want{id: id, subject: "api", certainty: check.Proof}},
		{name: "there, too, and everywhere", mutate: func(s *fact.Snapshot) { listen(s, 2, "tcp 127.0.0.1:8080", "tcp 0.0.0.0:8080") }, check: id, answer: check.OK},
		{name: "a port nobody asked for", mutate: func(s *fact.Snapshot) { listen(s, 2, "tcp 127.0.0.1:9090", "tcp [::]:8080") }, check: id, answer: check.OK},
		{name: "a sidecar leads connections there", mutate: func(s *fact.Snapshot) { listen(s, 2, "tcp 127.0.0.1:8080") }, check: id, answer: check.OK},
		{name: "sockets could not be read", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 2, fact.KindSockets) }, check: id, answer: check.Unknown},
		{name: "nor the client's, which do not matter", mutate: func(s *fact.Snapshot) {
			s.Question.To = "api.2"
			facttest.Miss(s, 3, fact.KindSockets)
		}, check: id, answer: check.OK},
	})
}

func TestAppBoundToLoopbackRelief(t *testing.T) {
	s := facttest.Healthy()
	listen(s, 2, "tcp 127.0.0.1:8080")
	refuse(s, 2)
	want := "on n2: " + check.Enter(facttest.Sandbox(facttest.Api(2))) + "socat TCP-LISTEN:8080,bind=10.0.1.22,fork,reuseaddr TCP:127.0.0.1:8080   # for as long as it runs"
	if c := run(t, s).Causes[0]; c.Relief != want || c.Impact != check.ImpactNone {
		t.Errorf("relief %q with impact %q, want %q", c.Relief, c.Impact, want)
	}
}
