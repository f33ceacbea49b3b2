package cli

import (
	"testing"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
	"fairway/internal/fleet"
)

// TestPlannedIsAllowed: an agent refuses a request as a whole, so nothing that
// is planned for it may be something that it does not do.
func TestPlannedIsAllowed(t *testing.T) {
	udp := func(s *fact.Snapshot) {
		svc := s.Wanted.Service(facttest.ApiService)
		for _, p := range []fact.Port{{Proto: "udp", Target: 53, Published: 8080, Mode: "ingress"}, {Proto: "sctp", Target: 9, Published: 8080, Mode: "ingress"},
			{Proto: "udp", Target: 53, Published: 7946, Mode: "ingress"}, {Proto: "udp", Target: 53, Published: 4789, Mode: "ingress"}, {Proto: "tcp", Target: 80, Published: 2377, Mode: "ingress"},
			{Proto: "tcp", Target: 8080, Published: 9000, Mode: "host"}} {
			svc.Ports = append(svc.Ports, p)
		}
	}
	lost := func(s *fact.Snapshot) { // node 2 lost its peers
		for i := range facttest.NodeOf(s, 2).Engine.Networks {
			facttest.NodeOf(s, 2).Engine.Networks[i].Peers = nil
		}
	}
	http := &fact.HTTPQuestion{Host: "my.example", Path: "/health", Expect: 200, TLS: true}
	for name, q := range map[string]fact.Question{"port": {Published: 8080}, "http": {Published: 8080, HTTP: http}, "both": {Published: 8080, From: "web", To: "api", Port: 8080},
		"onward": {From: "web", To: "api", Port: 8080, Mesh: true}, "all": {All: true}, "gossip": {Published: 7946}, "managers": {Published: 2377, HTTP: http}, "host mode": {Published: 9000}} {
		for _, change := range []func(*fact.Snapshot){func(*fact.Snapshot) {}, udp, lost} {
			s := facttest.Mesh()
			udp(s) // so that every port of the questions is published
			change(s)
			s.Question = q
			sc, err := expect.Resolve(s)
			if err != nil {
				t.Fatal(name, err)
			}
			plan := expect.First(s, &sc)
			for i := range plan.Published {
				failed := plan.Published[i]
				failed.Requests = []fact.Request{{Outcome: fact.Timeout}}
				s.Seen.Published = append(s.Seen.Published, failed)
			}
			stages := expect.MeshStages(s, &sc)
			if !q.All && q.Published == 8080 && (len(plan.Published) == 0 || len(stages) == 0) {
				t.Errorf("%s: %d probes, %d stages", name, len(plan.Published), len(stages))
			}
			for _, p := range append(plan.Published, stages...) {
				n := s.NodeNamed(p.From.Node)
				r := &fleet.ProbeRequest{Limit: expect.RequestsEach, Spaces: spaces(n.Kernel), Probes: fact.Seen{Published: []fact.PublishedProbe{p}}}
				if err := fleet.Allow(n.Engine, r); err != nil {
					t.Errorf("%s: %s from %+v to %s by %s: %v", name, p.Stage, p.From, p.Target, p.Proto, err)
				}
			}
		}
	}
}
