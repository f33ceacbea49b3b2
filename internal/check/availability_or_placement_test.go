package check_test

import (
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// unplace leaves api's tasks of these slots without a node.
func unplace(s *fact.Snapshot, reason string, slots ...int) {
	for _, i := range slots {
		now(s, i, 10*time.Minute, "running", "pending", "no suitable node ("+reason+")").Message = "pending task scheduling"
	}
}

func TestAvailabilityOrPlacement(t *testing.T) {
	mutations(t, []mutation{
		{name: "a constraint that no node satisfies", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").Constraints = []string{"node.labels.rack==a7"}
			unplace(s, "scheduling constraints not satisfied on 3 nodes", 1, 2, 3)
		}, want: want{id: "availability-or-placement", subject: "api", certainty: check.Proof}},
		{name: "the only node is drained", mutate: func(s *fact.Snapshot) {
			s.Wanted.Node(facttest.Node(2)).Availability = "drain"
			s.Wanted.ServiceNamed("api").Constraints = []string{"node.hostname==n2"}
			unplace(s, "1 node not available for new tasks; scheduling constraints not satisfied on 2 nodes", 1, 2, 3)
		}, want: want{id: "availability-or-placement", subject: "api"}},
		{name: "more replicas than places", mutate: func(s *fact.Snapshot) {
			unplace(s, "max replicas per node limit exceed", 3)
		}, want: want{id: "availability-or-placement", subject: "api"}},
		{name: "the host port is taken", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("web").Ports = []fact.Port{{Proto: "tcp", Target: 80, Published: 8080, Mode: "host"}}
			unplace(s, "host-mode port already in use on 3 nodes", 1, 2, 3)
		}, want: want{id: "availability-or-placement", subject: "api"}},
		{name: "a global service that may run nowhere", mutate: func(s *fact.Snapshot) {
			svc := s.Wanted.ServiceNamed("api")
			svc.Mode, svc.Replicas, svc.Constraints = "global", 0, []string{"node.labels.rack==a7"}
			for i := 1; i <= 3; i++ {
				now(s, i, time.Hour, "shutdown", "shutdown", "")
			}
		}, want: want{id: "availability-or-placement", subject: "api"}},
		{name: "one node is drained, the rest runs", mutate: func(s *fact.Snapshot) {
			s.Wanted.Node(facttest.Node(3)).Availability = "drain"
			unplace(s, "1 node not available for new tasks; max replicas per node limit exceed", 3)
		}, check: "availability-or-placement", answer: check.OK},
		{name: "one node is down, the rest runs", mutate: func(s *fact.Snapshot) {
			s.Wanted.Node(facttest.Node(3)).State = "down"
			unplace(s, "1 node not available for new tasks; max replicas per node limit exceed", 3)
		}, want: want{id: "availability-or-placement", subject: "api"}},
		{name: "a rolling update waits for a host port", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").UpdateState = "updating"
			unplace(s, "host-mode port already in use on 3 nodes", 2)
			s.Wanted.Task(facttest.Api(2)).StateSince = facttest.Taken.Add(-3 * time.Second)
		}, check: "availability-or-placement", answer: check.OK},
		{name: "a rolling update waits for a host port in vain", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").UpdateState = "updating"
			unplace(s, "host-mode port already in use on 3 nodes", 2)
		}, want: want{id: "availability-or-placement", subject: "api"}},
		{name: "managers do not answer", mutate: func(s *fact.Snapshot) { facttest.MissAll(s, fact.KindSwarm) },
			check: "availability-or-placement", answer: check.Unknown},
	})
}

func TestPlacementSaysWhy(t *testing.T) {
	s := facttest.Healthy()
	s.Wanted.Node(facttest.Node(2)).Availability = "drain"
	s.Wanted.ServiceNamed("api").Constraints = []string{"node.hostname==n2"}
	unplace(s, "1 node not available for new tasks; scheduling constraints not satisfied on 2 nodes", 1, 2, 3)
	c := run(t, s).Causes[0]
	if !strings.Contains(c.Message, "n2 is drained") || c.Relief != "docker node update --availability active n2" {
		t.Errorf("message %q, relief %q", c.Message, c.Relief)
	}
}
