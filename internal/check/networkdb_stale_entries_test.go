package check_test

import (
	"net/netip"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// gonetask is a task of api that no manager knows.
const goneTask = fact.TaskID("goneapi000000000000000000")

// tellOf makes gossip on these nodes tell of a task of api at the ghost's
// address, on a host.
func tellOf(s *fact.Snapshot, host netip.Addr, nodes ...int) {
	for _, i := range nodes {
		n := facttest.NodeOf(s, i).Engine.Network(facttest.App)
		for k := range n.Services {
			if n.Services[k].Name == "api" {
				n.Services[k].Tasks = append(n.Services[k].Tasks, fact.BelievedTask{Name: "api.4." + string(goneTask), IP: ghost, HostIP: host})
			}
		}
	}
}

// endedTask adds that task as one of the past.
func endedTask(s *fact.Snapshot, ago time.Duration) {
	ended(s, ago, "shutdown", "shutdown")
	s.Wanted.Tasks[len(s.Wanted.Tasks)-1].ID = goneTask
}

func TestNetworkDBStaleEntries(t *testing.T) {
	id := "networkdb-stale-entries"
	strong := func(node string) want { return want{id: id, node: node, subject: "api", certainty: check.Strong} }
	nobody := netip.MustParseAddr("10.77.0.99")
	mutations(t, []mutation{
		{name: "one node holds it", mutate: twice(func(s *fact.Snapshot) { tellOf(s, facttest.VTEP(2), 1) }), want: strong("n1")},
		{name: "all hold it: its owner's engine", mutate: twice(func(s *fact.Snapshot) { tellOf(s, facttest.VTEP(2), 1, 2, 3) }), want: strong("n2")},
		{name: "all hold it, and its owner is gone", mutate: twice(func(s *fact.Snapshot) { tellOf(s, nobody, 1, 2, 3) }), want: strong("")},
		{name: "no host address", mutate: twice(func(s *fact.Snapshot) { tellOf(s, netip.Addr{}, 1, 3) }), want: strong("")},
		{name: "it ended an hour ago", mutate: twice(func(s *fact.Snapshot) {
			tellOf(s, facttest.VTEP(2), 1)
			endedTask(s, time.Hour)
		}), want: strong("n1")},
		{name: "names lead there: one cause", mutate: twice(func(s *fact.Snapshot) {
			tellOf(s, facttest.VTEP(2), 1)
			leads(s, 1, ghost, "api", "tasks.api")
			connectTo(s, 1, ghost, fact.Timeout)
		}), want: strong("n1"), explain: 1},
		{name: "one look: it may be new", mutate: func(s *fact.Snapshot) { tellOf(s, facttest.VTEP(2), 1) }, check: id, answer: check.Unknown},
		{name: "it ended just now", mutate: twice(func(s *fact.Snapshot) {
			tellOf(s, facttest.VTEP(2), 1)
			endedTask(s, 20*time.Second)
		}), check: id, answer: check.Unknown},
		{name: "its service was scaled just now, its node not seen", mutate: func(s *fact.Snapshot) {
			*s = *facttest.OneNode()
			tellOf(s, facttest.VTEP(2), 1)
			s.Wanted.ServiceNamed("api").Updated = facttest.Taken.Add(-10 * time.Second)
		}, check: id, answer: check.Unknown},
		{name: "its container still stops", mutate: func(s *fact.Snapshot) {
			tellOf(s, facttest.VTEP(2), 1)
			e := facttest.NodeOf(s, 2).Engine
			e.Containers = append(e.Containers, fact.Container{ID: "x", TaskID: goneTask})
		}, check: id, answer: check.OK},
		{name: "draining", mutate: func(s *fact.Snapshot) {
			tellOf(s, facttest.VTEP(2), 1)
			ended(s, time.Hour, "shutdown", "running")
			s.Wanted.Tasks[len(s.Wanted.Tasks)-1].ID = goneTask
		}, check: id, answer: check.OK},
		{name: "a container of its own, on a host that nobody is", mutate: twice(func(s *fact.Snapshot) {
			believe(s, 1, "", "tool", ghost)
			n := facttest.NodeOf(s, 1).Engine.Network(facttest.App)
			n.Services[len(n.Services)-1].Tasks[0].HostIP = nobody
		}), want: want{id: id, node: "n1", subject: "app"}},
		{name: "a container of its own", mutate: func(s *fact.Snapshot) { believe(s, 1, "", "tool", ghost) }, check: id, answer: check.OK},
	})
}
