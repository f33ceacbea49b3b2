package check_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// listen replaces what api's task i listens on; the embedded resolver's sockets
// stay.
func listen(s *fact.Snapshot, i int, at ...string) {
	ns := facttest.SandboxOf(s, i, facttest.Api(i))
	if ns == nil {
		return
	}
	ns.Sockets = ns.Sockets[1:]
	for _, a := range at {
		proto, addr, _ := strings.Cut(a, " ")
		ns.Sockets = append(ns.Sockets, fact.Socket{Proto: proto, Local: netip.MustParseAddrPort(addr), Backlog: 4096, BacklogKnown: true})
	}
}

// refuse lets every probe to api's task i be refused.
func refuse(s *fact.Snapshot, i int) {
	for k := 1; k <= 3; k++ {
		facttest.Fail(s, k, facttest.Api(i), fact.Refused)
	}
}

func TestAppWrongPort(t *testing.T) {
	id := "app-wrong-port"
	one := want{id: id, node: "n2", subject: string(facttest.Api(2)), certainty: check.Proof}
	mutations(t, []mutation{
		{name: "another port", mutate: func(s *fact.Snapshot) { listen(s, 2, "tcp [::]:9090"); refuse(s, 2) }, want: one, explain: 3},
		{name: "another protocol", mutate: func(s *fact.Snapshot) { listen(s, 2, "udp [::]:8080"); refuse(s, 2) }, want: one},
		{name: "nothing at all", mutate: func(s *fact.Snapshot) { listen(s, 2); refuse(s, 2) }, want: one},
		{name: "nothing yet", mutate: func(s *fact.Snapshot) { listen(s, 2); refuse(s, 2); young(s, facttest.Api(2)) },
			check: id, answer: check.Unknown},
		{name: "nothing yet, seen twice", mutate: func(s *fact.Snapshot) {
			first := facttest.Healthy()
			for _, x := range []*fact.Snapshot{first, s} {
				listen(x, 2)
				refuse(x, 2)
				young(x, facttest.Api(2))
			}
			s.Earlier = first
		}, want: want{id: id, node: "n2", certainty: check.Hint}},
		{name: "all tasks of the service", mutate: func(s *fact.Snapshot) {
			for i := 1; i <= 3; i++ {
				listen(s, i, "tcp [::]:9090")
				refuse(s, i)
			}
		}, want: want{id: id, subject: "api", certainty: check.Proof}, explain: 9},
		{name: "no port asked for, one task listens on one more", mutate: func(s *fact.Snapshot) {
			s.Question.Port = 0
			listen(s, 2, "tcp [::]:8080", "tcp [::]:41234")
		}, check: id, answer: check.OK},
		{name: "somebody answers all the same", mutate: func(s *fact.Snapshot) { listen(s, 2, "tcp [::]:15001") }, check: id, answer: check.OK},
		{name: "a firewall rejects", mutate: func(s *fact.Snapshot) { refuse(s, 2) }, check: id, answer: check.OK},
		{name: "the task is stopping", mutate: func(s *fact.Snapshot) {
			listen(s, 2)
			s.Wanted.Task(facttest.Api(2)).Desired = "shutdown"
		}, check: id, answer: check.OK},
		{name: "its namespace was not found", mutate: func(s *fact.Snapshot) {
			facttest.SandboxOf(s, 2, facttest.Api(2)).Containers = nil
		}, check: id, answer: check.Unknown},
		{name: "UDP asked for, TCP there", mutate: func(s *fact.Snapshot) {
			s.Question.Proto = "udp"
			s.Earlier = facttest.Healthy()
			s.Earlier.Question.Proto = "udp"
		},
			want: want{id: id, subject: "api", certainty: check.Strong}},
	})
}

func TestAppWrongPortRelief(t *testing.T) {
	s := facttest.Healthy()
	listen(s, 2, "tcp [::]:9090")
	refuse(s, 2)
	svc := s.Wanted.ServiceNamed("api")
	svc.Name = "api; reboot"
	s.Question.To = svc.Name
	c := run(t, s).Causes[0]
	want := "in the clients, use port 9090\non a manager: docker service update --publish-rm 8080/tcp --publish-add mode=host,target=9090,published=8080,protocol=tcp 'api; reboot'"
	if c.Relief != want || c.Impact != "all tasks of api; reboot" {
		t.Errorf("relief %q with impact %q, want %q", c.Relief, c.Impact, want)
	}
}

func TestAppWrongPortTwoLooks(t *testing.T) {
	fault := func() *fact.Snapshot {
		s := facttest.Healthy()
		listen(s, 2, "tcp [::]:9090")
		refuse(s, 2)
		s.Wanted.Task(facttest.Api(2)).StateSince = facttest.Taken.Add(-5 * time.Second)
		return s
	}
	s := fault()
	if !check.WantsSecondLook(s, check.All()) {
		t.Error("a young task wants no second look")
	}
	s.Earlier = fault()
	wantCause(t, run(t, s), want{id: "app-wrong-port", node: "n2", certainty: check.Strong})
}

func TestAppWrongPortOfThePublished(t *testing.T) {
	s := facttest.Healthy()
	s.Question.Port = 0
	listen(s, 2, "tcp [::]:9090")
	refuse(s, 2)
	wantCause(t, run(t, s), want{id: "app-wrong-port", node: "n2", certainty: check.Proof})
	facttest.MissAll(s, fact.KindSwarm)
	wantAnswer(t, run(t, s), "app-wrong-port", check.Unknown)
}
