package check_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// unborn is web asking an api that publishes 8080 on an ingress network which
// the managers could not allocate: its tasks stay new.
func unborn(s *fact.Snapshot) {
	s.Wanted.Networks = append(s.Wanted.Networks, fact.Network{ID: meshNet, Name: "ingress", Scope: "swarm", Ingress: true})
	s.Wanted.ServiceNamed("api").Ports = []fact.Port{{Proto: "tcp", Target: 8080, Published: 8080, Mode: "ingress"}}
	s.Wanted.ServiceNamed("api").EndpointMode = "vip"
	for i := 1; i <= 3; i++ {
		t := s.Wanted.Task(facttest.Api(i))
		*t = fact.Task{ID: t.ID, ServiceID: t.ServiceID, Service: t.Service, Slot: t.Slot, Desired: "running", State: "new", Message: "created",
			Created: facttest.Taken.Add(-time.Hour), Updated: facttest.Taken.Add(-time.Hour), StateSince: facttest.Taken.Add(-time.Hour)}
		n := facttest.NodeOf(s, i)
		n.Engine.Containers = n.Engine.Containers[:0]
	}
	s.Seen = fact.Seen{Peers: s.Seen.Peers}
}

func TestIngressNetworkUnusable(t *testing.T) {
	stuck := want{id: "ingress-network-unusable", subject: "ingress", certainty: check.Proof}
	mutations(t, []mutation{
		{name: "never allocated", mutate: unborn, want: stuck, explain: 1},
		{name: "the port itself is asked for", mutate: func(s *fact.Snapshot) {
			unborn(s)
			s.Question = fact.Question{Published: 8080}
		}, want: stuck, explain: 1},
		{name: "none at all", mutate: func(s *fact.Snapshot) {
			unborn(s)
			s.Wanted.Networks = s.Wanted.Networks[:len(s.Wanted.Networks)-1]
		}, want: stuck, explain: 1},
		{name: "nobody needs it", mutate: func(s *fact.Snapshot) {
			s.Wanted.Networks = append(s.Wanted.Networks, fact.Network{ID: meshNet, Name: "ingress", Scope: "swarm", Ingress: true})
		}, check: "ingress-network-unusable", answer: check.OK},
		{name: "managers do not answer", mutate: func(s *fact.Snapshot) { facttest.MissAll(s, fact.KindSwarm) },
			check: "ingress-network-unusable", answer: check.Unknown},
	})
}
