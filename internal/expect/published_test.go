package expect_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// publishing is a healthy mesh with a question about it.
func publishing(q fact.Question, change ...func(*fact.Snapshot)) *fact.Snapshot {
	s := facttest.Mesh()
	s.Seen = fact.Seen{}
	s.Question = q
	for _, f := range change {
		f(s)
	}
	return s
}

func apiPorts(ports ...fact.Port) func(*fact.Snapshot) {
	return func(s *fact.Snapshot) { s.Wanted.Service(facttest.ApiService).Ports = ports }
}

// counted are the requests to each node at a stage.
func counted(plan []fact.PublishedProbe, st fact.Stage) map[fact.NodeID]int {
	out := map[fact.NodeID]int{}
	for _, p := range plan {
		if p.Stage == st {
			out[p.Node] += p.Count
		}
	}
	return out
}

func meshOf(t *testing.T, s *fact.Snapshot) (expect.Scope, []fact.PublishedProbe) {
	t.Helper()
	sc, err := expect.Resolve(s)
	if err != nil {
		t.Fatal(err)
	}
	return sc, expect.Mesh(s, &sc)
}

func TestNotPublished(t *testing.T) {
	many := make([]fact.Port, 15)
	for i := range many {
		many[i] = fact.Port{Proto: "tcp", Target: 80, Published: uint16(9000 + i), Mode: "ingress"}
	}
	for _, c := range []struct {
		name   string
		q      fact.Question
		change func(*fact.Snapshot)
		want   string
	}{
		{"another", fact.Question{Published: 81}, func(*fact.Snapshot) {}, `":81" is not published by any service; published are :8080/tcp of api`},
		{"another protocol", fact.Question{Published: 8080, PublishedProto: "udp"}, func(*fact.Snapshot) {}, `":8080/udp" is not published by any service; published are :8080/tcp of api`},
		{"none", fact.Question{Published: 81}, apiPorts(), "no service publishes any port"},
		{"host mode", fact.Question{Published: 81}, apiPorts(fact.Port{Proto: "tcp", Published: 80, Mode: "host"}), "published are :80/tcp of api (host mode)"},
		{"many", fact.Question{Published: 81}, apiPorts(many...), ":9011/tcp of api and 3 more"},
		{"unpublished target", fact.Question{Published: 80}, apiPorts(fact.Port{Proto: "tcp", Target: 80, Mode: "ingress"}), "no service publishes any port"},
		{"no managers", fact.Question{Published: 8080}, func(s *fact.Snapshot) { s.Wanted = nil }, "the managers do not answer"},
		{"a node that is none", fact.Question{Published: 8080, Node: "n9"}, func(*fact.Snapshot) {}, `node "n9" is not known`},
	} {
		_, err := expect.Resolve(publishing(c.q, c.change))
		var unknown *expect.NameError
		if !errors.As(err, &unknown) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestPublishedTwice(t *testing.T) {
	two := func(s *fact.Snapshot) {
		web := s.Wanted.Service(facttest.WebService)
		web.Ports = []fact.Port{{Proto: "udp", Target: 53, Published: 8080, Mode: "ingress"}}
	}
	sc, plan := meshOf(t, publishing(fact.Question{Published: 8080}, two))
	if len(sc.Mesh) != 2 || len(sc.ToServices) != 2 || sc.Mesh[0].Name != "api" || sc.Mesh[1].Port.Proto != "udp" {
		t.Fatalf("%v to %v", sc.Mesh, sc.ToServices)
	}
	for _, p := range plan {
		if p.Service == facttest.WebService && p.Proto != "udp" || p.Service == facttest.ApiService && p.Proto == "udp" {
			t.Errorf("%+v", p)
		}
	}
	if sc, _ := meshOf(t, publishing(fact.Question{Published: 8080, PublishedProto: "udp"}, two)); len(sc.Mesh) != 1 || sc.Mesh[0].Name != "web" {
		t.Errorf("udp alone: %v", sc.Mesh)
	}
}

// TestRequestsToEveryNode: twice as many as backends, twenty at most, from other
// nodes in turn, and no more than five for a pair in one look.
func TestRequestsToEveryNode(t *testing.T) {
	only := func(keep ...int) func(*fact.Snapshot) {
		return func(s *fact.Snapshot) {
			s.Nodes = slices.DeleteFunc(s.Nodes, func(n fact.Node) bool {
				return !slices.ContainsFunc(keep, func(i int) bool { return facttest.Node(i) == n.ID })
			})
		}
	}
	more := func(s *fact.Snapshot) { // 30 backends
		one := *s.Wanted.Task(facttest.Api(1))
		for i := range 27 {
			one.ID = fact.TaskID(strings.Repeat("x", i+1))
			s.Wanted.Tasks = append(s.Wanted.Tasks, one)
		}
	}
	for _, c := range []struct {
		name         string
		q            fact.Question
		change       []func(*fact.Snapshot)
		others, self map[int]int
	}{
		{"three backends", fact.Question{Published: 8080}, nil, map[int]int{1: 6, 2: 6, 3: 6}, map[int]int{1: 5, 2: 5, 3: 5}},
		{"thirty", fact.Question{Published: 8080}, []func(*fact.Snapshot){more}, map[int]int{1: 10, 2: 10, 3: 10}, map[int]int{1: 5, 2: 5, 3: 5}},
		{"one node asks", fact.Question{Published: 8080}, []func(*fact.Snapshot){only(1)}, map[int]int{2: 5, 3: 5}, map[int]int{1: 5}},
		{"one is told to", fact.Question{Published: 8080, Node: "n2"}, nil, map[int]int{1: 5, 3: 5}, map[int]int{2: 5}},
		{"the whole Swarm", fact.Question{All: true}, nil, map[int]int{1: 2, 2: 2, 3: 2}, map[int]int{1: 1, 2: 1, 3: 1}},
		{"host mode, of a node", fact.Question{Published: 8080}, []func(*fact.Snapshot){apiPorts(fact.Port{Proto: "tcp", Target: 8080, Published: 8080, Mode: "host"})},
			map[int]int{1: 2, 2: 2, 3: 2}, map[int]int{1: 2, 2: 2, 3: 2}},
		{"host mode, whole Swarm, no task on node 3", fact.Question{All: true}, []func(*fact.Snapshot){apiPorts(fact.Port{Proto: "tcp", Target: 8080, Published: 8080, Mode: "host"}),
			func(s *fact.Snapshot) {
				s.Wanted.Tasks = slices.DeleteFunc(s.Wanted.Tasks, func(t fact.Task) bool { return t.ID == facttest.Api(3) })
			}}, map[int]int{1: 2, 2: 2}, map[int]int{1: 1, 2: 1}},
		{"node 2 is down", fact.Question{Published: 8080}, []func(*fact.Snapshot){func(s *fact.Snapshot) { s.Wanted.Node(facttest.Node(2)).State = "down" }},
			map[int]int{1: 6, 3: 6}, map[int]int{1: 5, 3: 5}},
		{"the state of node 2 is unknown", fact.Question{Published: 8080}, []func(*fact.Snapshot){func(s *fact.Snapshot) { s.Wanted.Node(facttest.Node(2)).State = "unknown" }},
			map[int]int{1: 6, 3: 6}, map[int]int{1: 5, 3: 5}},
		{"node 2 is drained", fact.Question{Published: 8080}, []func(*fact.Snapshot){func(s *fact.Snapshot) { s.Wanted.Node(facttest.Node(2)).Availability = "drain" }},
			map[int]int{1: 6, 2: 6, 3: 6}, map[int]int{1: 5, 2: 5, 3: 5}},
		{"node 2 was not seen", fact.Question{Published: 8080}, []func(*fact.Snapshot){only(1, 3)}, map[int]int{1: 5, 2: 6, 3: 5}, map[int]int{1: 5, 3: 5}},
		{"no kernel was read", fact.Question{Published: 8080}, []func(*fact.Snapshot){func(s *fact.Snapshot) {
			for i := range s.Nodes {
				s.Nodes[i].Kernel = nil
			}
		}}, nil, nil},
		{"nothing runs", fact.Question{Published: 8080}, []func(*fact.Snapshot){func(s *fact.Snapshot) { s.Wanted.Tasks = nil }}, map[int]int{1: 1, 2: 1, 3: 1}, map[int]int{1: 1, 2: 1, 3: 1}},
	} {
		s := publishing(c.q, c.change...)
		_, plan := meshOf(t, s)
		for st, want := range map[fact.Stage]map[int]int{fact.StageNode: c.others, fact.StageSelf: c.self} {
			got := counted(plan, st)
			for i := 1; i <= 3; i++ {
				if got[facttest.Node(i)] != want[i] {
					t.Errorf("%s: node %d, stage %s: %d requests, want %d", c.name, i, st, got[facttest.Node(i)], want[i])
				}
			}
		}
		for _, p := range plan {
			if p.Count < 1 || p.Count > expect.RequestsEach {
				t.Errorf("%s: %d requests from %s to %s", c.name, p.Count, p.From.Node, p.Target)
			}
		}
	}
}

// TestMoreRequests: where one node asks and all was answered, one look makes the
// requests of two.
func TestMoreRequests(t *testing.T) {
	s := publishing(fact.Question{Published: 8080}, func(s *fact.Snapshot) { s.Nodes = s.Nodes[:1] })
	sc, plan := meshOf(t, s)
	answered := func(o fact.Outcome) {
		s.Seen.Published = nil
		for _, p := range plan {
			p.Requests = slices.Repeat([]fact.Request{{Outcome: o, Status: 200}}, p.Count)
			s.Seen.Published = append(s.Seen.Published, p)
		}
	}
	answered(fact.Open)
	more := expect.More(s, &sc)
	if got := counted(more, fact.StageNode); len(more) != 2 || got[facttest.Node(2)] != 1 || got[facttest.Node(3)] != 1 {
		t.Errorf("got %+v, want the sixth request to nodes 2 and 3", more)
	}
	answered(fact.Timeout)
	if more := expect.More(s, &sc); len(more) != 0 {
		t.Errorf("more of what fails: %+v", more)
	}
}

func TestWhatIsSpoken(t *testing.T) {
	for _, c := range []struct {
		port fact.Port
		http *fact.HTTPQuestion
		want string
	}{
		{fact.Port{Proto: "tcp", Target: 8080, Published: 9000, Mode: "ingress"}, nil, "http"},
		{fact.Port{Proto: "tcp", Target: 443, Published: 9000, Mode: "ingress"}, nil, "https"},
		{fact.Port{Proto: "tcp", Target: 3306, Published: 9000, Mode: "ingress"}, nil, "tcp"},
		{fact.Port{Proto: "tcp", Target: 3306, Published: 9000, Mode: "ingress"}, &fact.HTTPQuestion{Path: "/x"}, "http"},
		{fact.Port{Proto: "tcp", Target: 3306, Published: 9000, Mode: "ingress"}, &fact.HTTPQuestion{TLS: true}, "https"},
		{fact.Port{Proto: "udp", Target: 443, Published: 9000, Mode: "ingress"}, &fact.HTTPQuestion{TLS: true}, "udp"},
		{fact.Port{Proto: "sctp", Target: 80, Published: 9000, Mode: "ingress"}, nil, ""},
	} {
		s := publishing(fact.Question{Published: 9000, HTTP: c.http}, apiPorts(c.port))
		sc, plan := meshOf(t, s)
		got := ""
		for _, p := range plan {
			switch p.Stage {
			case fact.StageNode:
				got = p.Proto
			case fact.StageBackend:
				if p.Proto != "tcp" || p.Host != "" || p.Count != 1 {
					t.Errorf("%+v: a backend is asked %+v", c.port, p)
				}
			}
		}
		if got != c.want {
			t.Errorf("%+v, %+v: %q is spoken, want %q", c.port, c.http, got, c.want)
		}
		if c.want == "" && sc.Mesh[0].Unaskable(s, facttest.Node(1)) == "" {
			t.Errorf("%+v: nobody says why it is not asked", c.port)
		}
	}
}

// TestMeshStages: only what failed is asked in parts.
func TestMeshStages(t *testing.T) {
	s := publishing(fact.Question{Published: 8080})
	sc, plan := meshOf(t, s)
	for _, p := range plan {
		p.Requests = slices.Repeat([]fact.Request{{Outcome: fact.Open, Status: 200}}, p.Count)
		s.Seen.Published = append(s.Seen.Published, p)
	}
	if got := expect.MeshStages(s, &sc); len(got) != 0 {
		t.Errorf("nothing failed: %+v", got)
	}
	s.Seen.Published[0].Requests[0].Status = 503
	stages := expect.MeshStages(s, &sc)
	if len(counted(stages, fact.StageSandbox)) != 3 || len(counted(stages, fact.StageTask)) != 3 {
		t.Errorf("got %+v", stages)
	}
	for _, p := range stages {
		if p.Stage == fact.StageSandbox && (p.Target.Addr() != facttest.SandboxGwIP || p.Proto != "tcp") || p.Stage == fact.StageTask && (!p.Target.Addr().IsLoopback() || p.Target.Port() != 8080) {
			t.Errorf("%+v", p)
		}
	}
	s.Seen.Published = append(s.Seen.Published, stages...)
	if again := expect.NotAsked(s, expect.MeshStages(s, &sc)); len(again) != 0 {
		t.Errorf("asked twice: %+v", again)
	}
}

func TestOnward(t *testing.T) {
	q := fact.Question{From: "web", To: "api", Port: 8080}
	whole := func() *fact.Snapshot { s := facttest.Mesh(); s.Question = q; return s }
	for _, c := range []struct {
		name   string
		change func(*fact.Snapshot)
		want   bool
	}{
		{"whole and published", func(*fact.Snapshot) {}, true},
		{"the source publishes", func(s *fact.Snapshot) {
			api, web := s.Wanted.Service(facttest.ApiService), s.Wanted.Service(facttest.WebService)
			web.Ports, api.Ports = api.Ports, nil
		}, true},
		{"nobody publishes", apiPorts(), false},
		{"in host mode", apiPorts(fact.Port{Proto: "tcp", Published: 80, Mode: "host"}), false},
		{"a connection failed", func(s *fact.Snapshot) { s.Seen.TCP[0].Outcome = fact.Refused }, false},
		{"a virtual IP failed", func(s *fact.Snapshot) {
			s.Seen.Published = []fact.PublishedProbe{{Stage: fact.StageVIP, Requests: []fact.Request{{Outcome: fact.Timeout}}}}
		}, false},
		{"nothing was tried", func(s *fact.Snapshot) { s.Seen.TCP = nil }, false},
		{"gone on before", func(s *fact.Snapshot) { s.Question.Mesh = true }, false},
		{"the port was asked", func(s *fact.Snapshot) { s.Question.Published = 8080 }, false},
		{"the whole Swarm", func(s *fact.Snapshot) { s.Question = fact.Question{All: true} }, false},
		{"no managers", func(s *fact.Snapshot) { s.Wanted = nil }, false},
		{"no network is the mesh", func(s *fact.Snapshot) {
			s.Wanted.Networks = slices.DeleteFunc(s.Wanted.Networks, func(n fact.Network) bool { return n.Ingress })
		}, false},
	} {
		s := whole()
		sc, err := expect.Resolve(s)
		if err != nil {
			t.Fatal(err)
		}
		if c.change(s); expect.Onward(s, &sc) != c.want {
			t.Errorf("%s: onward is not %v", c.name, c.want)
		}
	}
}

// TestWholeSwarmIsBounded: what is asked of a large Swarm is bounded, from all
// over it, and said.
func TestWholeSwarmIsBounded(t *testing.T) {
	s := publishing(fact.Question{All: true}, func(s *fact.Snapshot) {
		svc := s.Wanted.Service(facttest.ApiService)
		svc.Ports = nil
		for i := range 1000 {
			svc.Ports = append(svc.Ports, fact.Port{Proto: "tcp", Target: 80, Published: uint16(10000 + i), Mode: "ingress"})
		}
	})
	sc, err := expect.Resolve(s)
	if err != nil {
		t.Fatal(err)
	}
	plan := expect.First(s, &sc)
	if len(plan.Published) > expect.MaxTCP || plan.Requests.N != len(plan.Published) || plan.Requests.Of <= plan.Requests.N {
		t.Errorf("%d requests, said %+v", len(plan.Published), plan.Requests)
	}
	last := uint16(0)
	for _, p := range plan.Published {
		last = max(last, p.Published)
	}
	if last < 10990 {
		t.Errorf("the last port asked is %d", last)
	}
}

// TestPathsOfBarrenFacts: a case file may lack anything; what is not there is
// not known, and nobody stumbles.
func TestPathsOfBarrenFacts(t *testing.T) {
	six := netip.MustParseAddr("2001:db8::2")
	for name, change := range map[string]func(*fact.Snapshot, *fact.Node){
		"no kernel":     func(_ *fact.Snapshot, n *fact.Node) { n.Kernel = nil },
		"no engine":     func(_ *fact.Snapshot, n *fact.Node) { n.Engine = nil },
		"no namespaces": func(_ *fact.Snapshot, n *fact.Node) { n.Kernel.Namespaces = nil },
		"no rules":      func(_ *fact.Snapshot, n *fact.Node) { each(n, func(ns *fact.NetNS) { ns.Netfilter = nil }) },
		"empty rules": func(_ *fact.Snapshot, n *fact.Node) {
			each(n, func(ns *fact.NetNS) { ns.Netfilter = &fact.Netfilter{} })
		},
		"no IPVS": func(_ *fact.Snapshot, n *fact.Node) { each(n, func(ns *fact.NetNS) { ns.IPVS = nil }) },
		"no backends": func(_ *fact.Snapshot, n *fact.Node) {
			each(n, func(ns *fact.NetNS) { ns.IPVS = &fact.IPVS{Services: []fact.VirtualService{{}}} })
		},
		"no links": func(_ *fact.Snapshot, n *fact.Node) { each(n, func(ns *fact.NetNS) { ns.Links = nil }) },
		"no mesh":  func(s *fact.Snapshot, _ *fact.Node) { s.Wanted.Networks = nil },
		"no nodes": func(s *fact.Snapshot, _ *fact.Node) { s.Wanted.Nodes = nil },
		"no tasks": func(s *fact.Snapshot, _ *fact.Node) { s.Wanted.Tasks = nil },
		"hosts on IPv6": func(s *fact.Snapshot, n *fact.Node) {
			s.Wanted.Node(n.ID).Addr, n.Engine.Swarm.NodeAddr = six, six
			n.Kernel.Host().Links[1].Addrs = []netip.Prefix{netip.PrefixFrom(six, 64)}
		},
		"tasks on IPv6": func(s *fact.Snapshot, _ *fact.Node) { addresses(s, netip.PrefixFrom(six, 64)) },
		"tasks on none": func(s *fact.Snapshot, _ *fact.Node) { addresses(s, netip.Prefix{}) },
		"no networks":   func(_ *fact.Snapshot, n *fact.Node) { n.Engine.Networks = nil },
		"managers gone": func(s *fact.Snapshot, _ *fact.Node) { s.Wanted = nil },
		"no gateway":    func(_ *fact.Snapshot, n *fact.Node) { n.Kernel.Host().LinkNamed(expect.GatewayBridge).Addrs = nil },
		"nothing at all": func(s *fact.Snapshot, n *fact.Node) {
			*n = fact.Node{ID: n.ID, Name: n.Name}
			s.Wanted = &fact.Wanted{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := publishing(fact.Question{Published: 8080})
			sc, err := expect.Resolve(s)
			if err != nil {
				t.Fatal(err)
			}
			n := facttest.NodeOf(s, 2)
			change(s, n)
			for i := range sc.Mesh {
				walkAll(s, n, &sc.Mesh[i], sc.To)
			}
			if s.Wanted == nil {
				return
			}
			if sc, err := expect.Resolve(s); err == nil {
				expect.Mesh(s, &sc)
				expect.MeshStages(s, &sc)
				expect.More(s, &sc)
				expect.Onward(s, &sc)
			}
		})
	}
}

func each(n *fact.Node, f func(*fact.NetNS)) {
	for i := range n.Kernel.Namespaces {
		f(&n.Kernel.Namespaces[i])
	}
}

func addresses(s *fact.Snapshot, p netip.Prefix) {
	for i := range s.Wanted.Tasks {
		for k := range s.Wanted.Tasks[i].Addresses {
			s.Wanted.Tasks[i].Addresses[k].Addr = p
		}
	}
}

// walkAll asks everything that checks ask of one node's published port.
func walkAll(s *fact.Snapshot, n *fact.Node, p *expect.Published, ends []expect.End) {
	expect.Arrive(s, n, p)
	expect.ArriveInSandbox(s, n, p)
	expect.IngressDNAT(n, p)
	expect.IngressMark(n, p)
	expect.IngressVirtual(n, p)
	expect.SandboxAddr(n)
	expect.SandboxOwn(s, n, p.Network)
	if host := n.Kernel.Host(); host != nil {
		expect.HostIngress(host)
		expect.EngineBackend(host)
	}
	for i := range ends {
		if ns := expect.Sandbox(s, &ends[i]); ns != nil {
			expect.ArriveInTask(ns, p, ends[i].Addr(p.Network))
		}
	}
}
