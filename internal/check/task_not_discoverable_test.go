package check_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// gate holds api's task on node 2 back by its health check for so long.
func gate(s *fact.Snapshot, ago time.Duration, failures int) {
	now(s, 2, ago, "running", "starting", "")
	c := facttest.NodeOf(s, 2).Engine.TaskContainer(facttest.Api(2))
	if c != nil {
		c.Health, c.HealthFailures = "starting", failures
	}
}

func TestTaskNotDiscoverable(t *testing.T) {
	gated := want{id: "task-not-discoverable", node: "n2", subject: string(facttest.Api(2)), certainty: check.Strong}
	hint := gated
	hint.certainty = check.Hint
	mutations(t, []mutation{
		{name: "the check has never passed", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").Healthcheck = true
			gate(s, 5*time.Minute, 9)
		}, want: gated},
		{name: "the check failed already, and both looks say so", mutate: func(s *fact.Snapshot) {
			again(s, func(s *fact.Snapshot) {
				s.Wanted.ServiceNamed("api").Healthcheck = true
				gate(s, 4*time.Second, 2)
			})
		}, want: gated},
		{name: "the first check is still to come: look again", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").Healthcheck = true
			gate(s, 10*time.Second, 0)
		}, check: "task-not-discoverable", answer: check.Unknown},
		{name: "the first check is still to come in both looks", mutate: func(s *fact.Snapshot) {
			again(s, func(s *fact.Snapshot) {
				s.Wanted.ServiceNamed("api").Healthcheck = true
				gate(s, 10*time.Second, 0)
			})
		}, want: hint},
		{name: "the check gives up and Swarm tries again", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").Healthcheck = true
			past(s, 2, 1, 40*time.Second, "failed", "task: non-zero exit (137): dockerexec: unhealthy container")
			past(s, 2, 2, 7*time.Second, "failed", "task: non-zero exit (137): dockerexec: unhealthy container")
			now(s, 2, 7*time.Second, "ready", "ready", "")
		}, want: gated},
		{name: "the same with a program that ends well", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").Healthcheck = true
			past(s, 2, 1, 40*time.Second, "complete", "")
			past(s, 2, 2, 7*time.Second, "complete", "")
			now(s, 2, 7*time.Second, "ready", "ready", "")
		}, want: gated},
		{name: "every task of the service", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").Healthcheck = true
			for i := 1; i <= 3; i++ {
				now(s, i, 5*time.Minute, "running", "starting", "")
			}
		}, want: want{id: "task-not-discoverable", subject: "api", certainty: check.Strong}},
		{name: "the image has the check, and its node was not seen", mutate: func(s *fact.Snapshot) {
			s.Nodes = s.Nodes[:1]
			now(s, 2, 20*time.Second, "running", "starting", "")
		}, check: "task-not-discoverable", answer: check.Unknown},
		{name: "managers do not answer", mutate: func(s *fact.Snapshot) { facttest.MissAll(s, fact.KindSwarm) },
			check: "task-not-discoverable", answer: check.Unknown},
	})
}
