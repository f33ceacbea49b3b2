package expect_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestFirstOfTheWhole(t *testing.T) {
	sc, p := plan(t, facttest.Whole(facttest.Healthy()))
	// 3 × 3 tasks both ways; each asks for two services in two ways.
	if len(p.TCP) != 18 || len(p.DNS) != 24 || p.Pairs != (expect.Share{N: 18, Of: 18}) || p.Names.N != p.Names.Of || len(p.Peers) != 12 {
		t.Errorf("%d tcp, %d dns, %d peers, %+v %+v", len(p.TCP), len(p.DNS), len(p.Peers), p.Pairs, p.Names)
	}
	if len(sc.From) != 6 || len(sc.To) != 6 || len(sc.Nodes) != 3 {
		t.Errorf("%d from, %d to, %d nodes", len(sc.From), len(sc.To), len(sc.Nodes))
	}
	seen := map[string]bool{}
	for _, q := range p.TCP {
		k := fmt.Sprint(q.From.Task, q.Target)
		if seen[k] || q.From.Task == q.To {
			t.Errorf("%s twice, or to itself", k)
		}
		seen[k] = true
	}
}

// crowd gives both services n tasks on each node.
func crowd(s *fact.Snapshot, n int) {
	for i := 1; i <= 3; i++ {
		for _, id := range []fact.TaskID{facttest.Api(i), facttest.Web(i)} {
			box, ns := s.Wanted.Task(id), *facttest.SandboxOf(s, i, id)
			for k := range n - 1 {
				t := *box
				t.ID, t.Slot = fact.TaskID(fmt.Sprintf("%s-%d", id, k)), 10+3*k+i
				t.Container = fact.ContainerID(t.ID)
				t.Addresses = []fact.TaskAddress{{Network: facttest.App, Addr: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(2 + i), byte(k)}), 24)}}
				ns.Name, ns.Containers = string(t.ID), []fact.ContainerID{t.Container}
				node := facttest.NodeOf(s, i)
				node.Kernel.Namespaces = append(node.Kernel.Namespaces, ns)
				s.Wanted.Tasks = append(s.Wanted.Tasks, t)
			}
		}
	}
}

// TestSampledWhole: where not every pair can be tried, every task is a source
// and a target of its share, and the plan says so.
func TestSampledWhole(t *testing.T) {
	s := facttest.Whole(facttest.Healthy())
	crowd(s, 20)
	sc, p := plan(t, s)
	if len(p.TCP) > expect.MaxTCP || p.Pairs.N >= p.Pairs.Of || p.Pairs.Of != 2*60*60 {
		t.Fatalf("%d connections, %+v", len(p.TCP), p.Pairs)
	}
	from, to := map[fact.TaskID]int{}, map[fact.TaskID]int{}
	for _, q := range p.TCP {
		from[q.From.Task]++
		to[q.To]++
	}
	for _, e := range sc.To {
		if from[e.Task] < 30 || to[e.Task] < 30 {
			t.Errorf("%s is source of %d and target of %d", e.Name, from[e.Task], to[e.Task])
		}
	}
}

// TestWholeLimited: only pairs with a named service, and only on its networks.
func TestWholeLimited(t *testing.T) {
	s := facttest.Whole(facttest.Healthy(), "web")
	apart := *s.Wanted.ServiceNamed("api")
	apart.ID, apart.Name = "svcjobs", "jobs"
	s.Wanted.Services = append(s.Wanted.Services, apart)
	task := *s.Wanted.Task(facttest.Api(1))
	task.ID, task.ServiceID, task.Service = "jobs1", apart.ID, "jobs"
	s.Wanted.Tasks = append(s.Wanted.Tasks, task)
	_, p := plan(t, s)
	for _, q := range p.TCP {
		from, to := s.Wanted.Task(q.From.Task).Service, s.Wanted.Task(q.To).Service
		if from != "web" && to != "web" {
			t.Errorf("%s tries %s", from, to)
		}
	}
	if len(p.TCP) < 18 {
		t.Errorf("%d connections", len(p.TCP))
	}
}

func TestWholeWithoutManagers(t *testing.T) {
	s := facttest.Whole(facttest.Healthy())
	s.Wanted = nil
	sc, p := plan(t, s)
	if len(sc.From) != 6 || len(p.TCP) != 18 {
		t.Errorf("%d ends, %d connections", len(sc.From), len(p.TCP))
	}
}

// TestWholeOnTheHost: a service on the host's network asks nobody by name.
func TestWholeOnTheHost(t *testing.T) {
	s := facttest.Whole(facttest.Healthy())
	s.Wanted.ServiceNamed("web").Attached = []fact.Attachment{{Network: "thehosts"}}
	for i := range s.Wanted.Tasks {
		if s.Wanted.Tasks[i].Service == "web" {
			s.Wanted.Tasks[i].Addresses = []fact.TaskAddress{{Network: "thehosts"}}
		}
	}
	sc, p := plan(t, s)
	if len(sc.From) != 3 || len(sc.To) != 6 || len(p.TCP) != 0 {
		t.Errorf("%d from, %d to, %d connections", len(sc.From), len(sc.To), len(p.TCP))
	}
}

// TestAgentsAreNotAskedAbout: fairway's own service is nobody's concern unless it
// is named; a node without an agent is a gap already.
func TestAgentsAreNotAskedAbout(t *testing.T) {
	s := facttest.Healthy()
	s.Wanted.Services = append(s.Wanted.Services, fact.Service{ID: "agents", Name: "fairway-agent", Mode: "global", AgentPort: 9747})
	for _, named := range [][]string{nil, {"fairway-agent"}} {
		sc, err := expect.Resolve(facttest.Whole(s, named...))
		if err != nil || slices.Contains(sc.ToServices, "agents") != (named != nil) {
			t.Errorf("named %v: %v, %v", named, sc.ToServices, err)
		}
	}
}
