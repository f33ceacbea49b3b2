package cli_test

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// meshScenario is a Swarm with api published on 8080, asked as Look asks it;
// nil for a name that is not of a mesh.
func meshScenario(name string, q fact.Question) *fact.Snapshot {
	s := facttest.Mesh()
	api := s.Wanted.Service(facttest.ApiService)
	switch name {
	case "mesh":
	case "mesh-bad-node": // node 2 lost the rule that leads the port inside
		c := facttest.NodeOf(s, 2).Kernel.Host().Netfilter.Table(fact.Legacy, "ip", "nat").Chain("DOCKER-INGRESS")
		c.Rules = slices.DeleteFunc(c.Rules, func(r fact.Rule) bool { return r.Target.Kind == fact.TargetDNAT })
	case "mesh-down":
		s.Wanted.Nodes = append(s.Wanted.Nodes, fact.SwarmNode{ID: "gone", Hostname: "n4", Role: "worker", Availability: "active", State: "down", Updated: s.Taken.Add(-time.Hour)})
	case "mesh-two-protocols":
		api.Ports = append(api.Ports, fact.Port{Proto: "udp", Target: 53, Published: 8080, Mode: "ingress"}, fact.Port{Proto: "sctp", Target: 9, Published: 9999, Mode: "ingress"})
	case "mesh-host-mode":
		api.Ports = []fact.Port{{Proto: "tcp", Target: 8080, Published: 8080, Mode: "host"}}
	default:
		return nil
	}
	if s.Question = q; q.All {
		facttest.Whole(s, q.Services...)
		for i := range s.Seen.DNS {
			if d := &s.Seen.DNS[i]; d.Name == "web" {
				d.Addrs = []netip.Addr{facttest.WebVIP}
			}
		}
	}
	sc, err := expect.Resolve(s)
	if err != nil {
		return s
	}
	seen := s.Seen
	if q.To == "" && !q.All {
		s.Seen = fact.Seen{Peers: seen.Peers}
	}
	ask(s, expect.Mesh(s, &sc), name)
	if expect.Onward(s, &sc) {
		s.Question.Mesh = true
		if sc, err = expect.Resolve(s); err != nil {
			return s
		}
		ask(s, expect.NotAsked(s, expect.Mesh(s, &sc)), name)
	}
	ask(s, expect.MeshStages(s, &sc), name)
	return s
}

// ask answers a plan as the scenario would.
func ask(s *fact.Snapshot, plan []fact.PublishedProbe, name string) {
	for _, p := range plan {
		r := fact.Request{Outcome: fact.Open, Connect: time.Millisecond}
		if strings.HasPrefix(p.Proto, "http") {
			r.Status = 200
		}
		if name == "mesh-bad-node" && p.Stage == fact.StageNode && p.Node == facttest.Node(2) {
			r = fact.Request{Outcome: fact.Timeout}
		}
		p.Requests = slices.Repeat([]fact.Request{r}, p.Count)
		s.Seen.Published = append(s.Seen.Published, p)
	}
}
