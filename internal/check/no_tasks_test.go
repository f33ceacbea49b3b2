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

// taskless is a question for :8080, which a service scaled to 0 publishes: the
// engines have taken away all that leads there.
func taskless(mode string) *fact.Snapshot {
	s := facttest.Mesh()
	s.Question = fact.Question{Published: 8080}
	api := s.Wanted.ServiceNamed("api")
	api.Replicas, api.Ports[0].Mode = 0, mode
	s.Wanted.Tasks = slices.DeleteFunc(s.Wanted.Tasks, func(t fact.Task) bool { return t.Service == "api" })
	for i := 1; i <= 3; i++ {
		e := facttest.NodeOf(s, i).Engine
		e.Containers = slices.DeleteFunc(e.Containers, func(c fact.Container) bool { return c.ServiceName == "api" })
		for _, id := range []fact.NetworkID{facttest.App, facttest.Ingress} {
			net := e.Network(id)
			net.Services = slices.DeleteFunc(net.Services, func(b fact.BelievedService) bool { return b.Name == "api" })
			net.Endpoints = slices.DeleteFunc(net.Endpoints, func(e fact.Endpoint) bool { return strings.HasPrefix(e.Name, "api") })
		}
		box, host := facttest.IngressSandbox(s, i), facttest.NodeOf(s, i).Kernel.Host()
		box.IPVS.Services = nil
		for t := range box.Netfilter.Tables {
			for c := range box.Netfilter.Tables[t].Chains {
				chain := &box.Netfilter.Tables[t].Chains[c]
				chain.Rules = slices.DeleteFunc(chain.Rules, func(r fact.Rule) bool { return r.Target.Kind == fact.TargetMark })
			}
		}
		for _, name := range []string{"nat", "filter"} {
			c := host.Netfilter.Table(fact.Legacy, "ip", name).Chain("DOCKER-INGRESS")
			c.Rules = c.Rules[len(c.Rules)-1:]
		}
	}
	sc, err := expect.Resolve(s)
	if err != nil {
		panic(err)
	}
	s.Seen = fact.Seen{Published: expect.Mesh(s, &sc), Peers: s.Seen.Peers}
	for i := range s.Seen.Published {
		answer(&s.Seen.Published[i], fact.Refused)
	}
	return s
}

// A published port of a service without tasks is refused because of that, and not
// because rules are missing.
func TestPublishedByNobodyWhoRuns(t *testing.T) {
	for _, mode := range []string{"ingress", "host"} {
		r := run(t, taskless(mode))
		wantCause(t, r, want{id: "task-not-running", subject: "api", certainty: check.Proof})
		if strings.Contains(r.Summary, "explained by no cause") {
			t.Errorf("%s: %s", mode, r.Summary)
		}
	}
}
