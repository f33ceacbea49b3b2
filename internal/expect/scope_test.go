package expect_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// names lists ends as the report names them.
func names(ends []expect.End) string {
	var out []string
	for _, e := range ends {
		out = append(out, e.Name)
	}
	return strings.Join(out, " ")
}

// addService adds a service with one running task on node 1.
func addService(s *fact.Snapshot, id fact.ServiceID, name string, task fact.TaskID, slot int) {
	s.Wanted.Services = append(s.Wanted.Services, fact.Service{ID: id, Name: name, Mode: "replicated", EndpointMode: "dnsrr",
		Attached: []fact.Attachment{{Network: facttest.App}}})
	s.Wanted.Tasks = append(s.Wanted.Tasks, fact.Task{ID: task, ServiceID: id, Service: name, Slot: slot, Node: facttest.Node(1),
		Desired: "running", State: "running", Container: facttest.Container(task),
		Addresses: []fact.TaskAddress{{Network: facttest.App, Addr: netip.MustParsePrefix("10.0.1.77/24")}}})
}

// addContainer starts a standalone container on node i.
func addContainer(s *fact.Snapshot, i int, name string) {
	e := facttest.NodeOf(s, i).Engine
	e.Containers = append(e.Containers, fact.Container{ID: fact.ContainerID(strings.Repeat("ab", 32)), Name: name, State: "running",
		Endpoints: []fact.ContainerEndpoint{{Network: facttest.App, NetworkName: "app", Addr: netip.MustParsePrefix("10.0.1.90/24")}}})
}

type asked struct {
	name       string
	change     func(*fact.Snapshot)
	question   fact.Question
	from, to   string
	err        string // part of the error
	near       string // first of the near names
	noNetworks bool
}

func TestResolve(t *testing.T) {
	q := func(from, to string) fact.Question { return fact.Question{From: from, To: to, Port: 8080} }
	worker := func(s *fact.Snapshot) {
		*s = *facttest.OneNode()
		facttest.MissAll(s, fact.KindSwarm)
	}
	api2 := string(facttest.Api(2))
	for _, c := range []asked{
		{name: "two services", question: q("web", "api"), from: "web.1 web.2 web.3", to: "api.1 api.2 api.3"},
		{name: "service.slot", question: q("web.2", "api.3"), from: "web.2", to: "api.3"},
		{name: "a whole task ID", question: q("web", api2), from: "web.1 web.2 web.3", to: "api.2"},
		{name: "the start of a task ID", question: q("web", api2[:8]), from: "web.1 web.2 web.3", to: "api.2"},
		{name: "a task by its full name", question: q("web", "api.2."+api2), from: "web.1 web.2 web.3", to: "api.2"},
		{name: "a start that is too short", question: q("web", api2[:4]), err: "not known"},
		{name: "a standalone container", question: q("shell", "api"), from: "shell", to: "api.1 api.2 api.3",
			change: func(s *fact.Snapshot) { addContainer(s, 1, "shell") }},
		{name: "a container ID's start", question: q("abababababab", "api"), from: "shell", to: "api.1 api.2 api.3",
			change: func(s *fact.Snapshot) { addContainer(s, 1, "shell") }},
		{name: "two containers of one name on two nodes", question: q("shell", "api"), err: "means 2 containers",
			change: func(s *fact.Snapshot) { addContainer(s, 1, "shell"); addContainer(s, 2, "shell") }},
		{name: "a service with dots", question: q("web", "my.api.v2"), from: "web.1 web.2 web.3", to: "my.api.v2.1",
			change: func(s *fact.Snapshot) { addService(s, "dotted", "my.api.v2", "dottedtask", 1) }},
		{name: "a slot of a service with dots", question: q("web", "my.api.v2.1"), from: "web.1 web.2 web.3", to: "my.api.v2.1",
			change: func(s *fact.Snapshot) { addService(s, "dotted", "my.api.v2", "dottedtask", 1) }},
		{name: "an exact service name wins over service.slot", question: q("web", "api.1"), from: "web.1 web.2 web.3", to: "api.1.4",
			change: func(s *fact.Snapshot) { addService(s, "odd", "api.1", "oddtask", 4) }},
		{name: "unknown, with what is near", question: q("web", "apl"), err: "not known", near: "api"},
		{name: "unknown source", question: q("wbe", "api"), err: `"wbe"`, near: "web"},
		{name: "two tasks of one name", question: q("web", "api.2"), err: "means 2 tasks",
			change: func(s *fact.Snapshot) { twin(s, "running") }},
		{name: "one of them is of the past", question: q("web", "api.2"), from: "web.1 web.2 web.3", to: "api.2",
			change: func(s *fact.Snapshot) { twin(s, "shutdown") }},
		{name: "all of the past: the newest", question: q("web", "api.2"), from: "web.1 web.2 web.3", to: "api.2",
			change: func(s *fact.Snapshot) { twin(s, "shutdown"); s.Wanted.Task(facttest.Api(2)).Desired = "shutdown" }},
		{name: "FROM omitted", question: q("", "api"), from: "web.1 web.2 web.3", to: "api.1 api.2 api.3"},
		{name: "FROM omitted, nobody else there", question: q("", "api"), from: "api.1 api.2 api.3", to: "api.1 api.2 api.3",
			change: func(s *fact.Snapshot) {
				s.Wanted.Services = slices.DeleteFunc(s.Wanted.Services, func(x fact.Service) bool { return x.Name == "web" })
			}},
		{name: "one node's sources", question: fact.Question{From: "web", To: "api", Node: "n2"}, from: "web.2", to: "api.1 api.2 api.3"},
		{name: "an unknown node", question: fact.Question{From: "web", To: "api", Node: "n9"}, err: "node", near: "n1"},
		{name: "no network in common", question: q("web", "api"), from: "web.1 web.2 web.3", to: "api.1 api.2 api.3", noNetworks: true,
			change: func(s *fact.Snapshot) { moveTo(s, "api", "othernet") }},
		{name: "a service without tasks", question: q("web", "empty"), from: "web.1 web.2 web.3", to: "",
			change: func(s *fact.Snapshot) {
				s.Wanted.Services = append(s.Wanted.Services, fact.Service{ID: "empty", Name: "empty", Attached: []fact.Attachment{{Network: facttest.App}}})
			}},
		{name: "addresses", question: q("10.0.1.11", "10.0.1.22"), from: "web.1", to: "api.2"},
		{name: "a container's address", change: func(s *fact.Snapshot) { addContainer(s, 2, "shell") }, question: q("10.0.1.90", "api"), from: "shell", to: "api.1 api.2 api.3"},
		{name: "a virtual address", change: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").VIPs = []fact.VIP{{Network: facttest.App, Addr: netip.MustParsePrefix("10.0.1.30/24")}}
		}, question: q("web.1", "10.0.1.30"), from: "web.1", to: "api.1 api.2 api.3"},
		{name: "nobody's address", question: q("web", "10.0.1.200"), err: "belongs to no service, task or container that is known here, and is within 10.0.1.0/24 of network app"},
		{name: "no such slot", question: q("web.9", "api"), err: `"web.9" is not known here: web has slots 1–3`},
		{name: "a worker, an address", change: worker, question: q("10.0.1.11", "10.0.1.22"), from: "web.1", to: "api.2"},
		{name: "a worker", change: worker, question: q("web", "api"), from: "web.1 web.2 web.3", to: "api.1 api.2 api.3"},
		{name: "a worker, one slot", change: worker, question: q("web.1", "api.2"), from: "web.1", to: "api.2"},
		{name: "a worker, a task ID", change: worker, question: q("web.1", api2), from: "web.1", to: "api.2"},
		{name: "a worker, unknown", change: worker, question: q("web", "apl"), err: "not known", near: "api"},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t) })
	}
}

func (c *asked) check(t *testing.T) {
	s := facttest.Healthy()
	if c.change != nil {
		c.change(s)
	}
	s.Question = c.question
	sc, err := expect.Resolve(s)
	if c.err != "" {
		var name *expect.NameError
		if !errors.As(err, &name) || !strings.Contains(err.Error(), c.err) {
			t.Fatalf("error %v, want a NameError with %q", err, c.err)
		}
		if c.near != "" && (len(name.Near) == 0 || name.Near[0] != c.near) {
			t.Errorf("near %q, want %s first", name.Near, c.near)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if names(sc.From) != c.from || names(sc.To) != c.to {
		t.Errorf("from %q to %q, want %q and %q", names(sc.From), names(sc.To), c.from, c.to)
	}
	if want := []fact.NetworkID{facttest.App}; !c.noNetworks && !slices.Equal(sc.Networks, want) || c.noNetworks && len(sc.Networks) > 0 {
		t.Errorf("networks %q, want app: %v", sc.Networks, !c.noNetworks)
	}
}

// twin adds an older task with the name of api.2.
func twin(s *fact.Snapshot, desired string) {
	t := *s.Wanted.Task(facttest.Api(2))
	t.ID, t.Desired, t.Created = "oldertask", desired, t.Created.Add(-time.Hour)
	s.Wanted.Tasks = append(s.Wanted.Tasks, t)
}

// moveTo moves a service from app to another overlay.
func moveTo(s *fact.Snapshot, service string, net fact.NetworkID) {
	svc := s.Wanted.ServiceNamed(service)
	svc.Attached = []fact.Attachment{{Network: net}}
	s.Wanted.Networks = append(s.Wanted.Networks, fact.Network{ID: net, Name: "other", Driver: "overlay", Scope: "swarm"})
	for i := range s.Wanted.Tasks {
		if t := &s.Wanted.Tasks[i]; t.ServiceID == svc.ID {
			t.Addresses[0].Network = net
		}
	}
}

func TestPortsOfTheTarget(t *testing.T) {
	s := facttest.Healthy()
	s.Question.Port = 0
	s.Wanted.ServiceNamed("api").Ports = append(s.Wanted.ServiceNamed("api").Ports, fact.Port{Proto: "tcp", Target: 9090, Mode: "host"})
	sc, err := expect.Resolve(s)
	if err != nil || !slices.Equal(sc.Ports, []uint16{8080, 9090}) || sc.PortGiven {
		t.Errorf("ports %v (given: %v), %v; want what api listens on beyond loopback and publishes", sc.Ports, sc.PortGiven, err)
	}
}

// TestResolveNeverPanics: no snapshot, however spoilt, and no name may.
func TestResolveNeverPanics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := facttest.Healthy()
		facttest.Mangle(s, rapid.Uint64().Draw(t, "seed"))
		if rapid.Bool().Draw(t, "named") {
			s.Question.From = rapid.SampledFrom([]string{"", "web", "web.1", "shell", ".", "api.1.2", string(facttest.Web(1))}).Draw(t, "from")
			s.Question.To = rapid.String().Draw(t, "to")
		}
		everything(s)
	})
}

func FuzzResolve(f *testing.F) {
	f.Add("web", "api", "n1", uint64(0))
	f.Add("web.1", "api.2."+string(facttest.Api(2)), "", uint64(7))
	f.Fuzz(func(_ *testing.T, from, to, node string, seed uint64) {
		s := facttest.Healthy()
		if seed%4 != 0 {
			facttest.Mangle(s, seed)
		}
		s.Question = fact.Question{From: from, To: to, Node: node}
		everything(s)
	})
}

// everything asks all of the package about a snapshot.
func everything(s *fact.Snapshot) {
	sc, err := expect.Resolve(s)
	if err != nil {
		_ = err.Error()
		return
	}
	expect.First(s, &sc)
	expect.FollowUp(s, &sc)
	expect.DataPath(s, &sc)
	expect.WatchGossip(s)
	expect.PathNodes(&sc)
	for i := range s.Nodes {
		n := &s.Nodes[i]
		expect.Peers(s, &sc, n)
		expect.DataPathPort(s, n)
		for _, id := range sc.Networks {
			if n.Engine != nil {
				expect.RemoteRows(s, n, id)
			}
		}
	}
}
