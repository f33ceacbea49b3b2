package check_test

import (
	"net/netip"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// namesake adds a service with one task on node 2 and these aliases on app.
func namesake(s *fact.Snapshot, name string, aliases ...string) {
	svc := *s.Wanted.ServiceNamed("web")
	svc.ID, svc.Name, svc.Attached = fact.ServiceID("svc"+name), name, []fact.Attachment{{Network: facttest.App, Aliases: aliases}}
	t := *s.Wanted.Task(facttest.Web(2))
	t.ID, t.ServiceID, t.Service, t.Slot, t.Container = fact.TaskID("task"+name), svc.ID, name, 1, ""
	t.Addresses = []fact.TaskAddress{{Network: facttest.App, Addr: netip.PrefixFrom(ghost, 24)}}
	s.Wanted.Services, s.Wanted.Tasks = append(s.Wanted.Services, svc), append(s.Wanted.Tasks, t)
}

// box starts a container without a task on node i.
func box(s *fact.Snapshot, i int, name string, aliases ...string) {
	e := facttest.NodeOf(s, i).Engine
	e.Containers = append(e.Containers, fact.Container{ID: fact.ContainerID(strings.Repeat("b0", 32)), Name: name, State: "running", NetworkMode: "app",
		Endpoints: []fact.ContainerEndpoint{{Network: facttest.App, NetworkName: "app", Addr: netip.PrefixFrom(ghost, 24), Aliases: aliases}}})
}

func TestDNSNameCollision(t *testing.T) {
	id := "dns-name-collision"
	proof, hint := want{id: id, subject: "api", certainty: check.Proof}, want{id: id, subject: "api", certainty: check.Hint}
	mutations(t, []mutation{
		{name: "another service's alias", mutate: func(s *fact.Snapshot) { namesake(s, "b_api", "api"); leads(s, 1, ghost, "api", "tasks.api") }, want: proof},
		{name: "an alias that both have", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").Attached[0].Aliases = []string{"db"}
			namesake(s, "b_db", "db")
		}, want: hint},
		{name: "an alias of ours is another service's name", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").Attached[0].Aliases = []string{"db"}
			namesake(s, "db")
		}, want: hint},
		{name: "a container's name", mutate: func(s *fact.Snapshot) {
			box(s, 2, "api")
			believe(s, 1, "", "api", ghost)
			leads(s, 1, ghost, "api")
		}, want: proof},
		{name: "a container's name on a node that was not seen", mutate: func(s *fact.Snapshot) {
			believe(s, 1, "", "api", ghost)
			leads(s, 1, ghost, "api")
		}, want: proof},
		{name: "a container's alias that nobody could see", mutate: func(s *fact.Snapshot) {
			believe(s, 1, "", "shell", ghost)
			leads(s, 1, ghost, "api")
		}, want: proof},
		{name: "another alias", mutate: func(s *fact.Snapshot) { namesake(s, "b_api", "apis"); box(s, 2, "shell", "bash") }, check: id, answer: check.OK},
		{name: "the same alias, and nothing runs there", mutate: func(s *fact.Snapshot) { namesake(s, "b_api", "api") }, check: id, answer: check.OK},
		{name: "on another network", mutate: func(s *fact.Snapshot) {
			namesake(s, "b_api", "api")
			s.Wanted.ServiceNamed("b_api").Attached[0].Network = "othernet"
		}, check: id, answer: check.OK},
		{name: "no answer", mutate: func(s *fact.Snapshot) { s.Seen.DNS = nil }, check: id, answer: check.Unknown},
	})
}

func TestDNSNameCollisionRelief(t *testing.T) {
	for relief, mutate := range map[string]func(*fact.Snapshot){
		"on a manager: docker service update --network-rm app --network-add name=app,alias=x b_api": func(s *fact.Snapshot) { namesake(s, "b_api", "api", "x") },
		"on n2: docker network disconnect app b0b0b0b0b0b0":                                         func(s *fact.Snapshot) { box(s, 2, "shell", "api"); believe(s, 1, "", "shell", ghost) },
	} {
		s := facttest.Healthy()
		mutate(s)
		leads(s, 1, ghost, "api")
		if c := run(t, s).Causes; len(c) != 1 || c[0].Relief != relief {
			t.Errorf("causes %+v, want the relief %q", c, relief)
		}
	}
}
