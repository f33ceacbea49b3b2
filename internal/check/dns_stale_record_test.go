package check_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

var ghost = netip.MustParseAddr("10.0.1.99")

// leads adds an address to what web's task on node i is told of these names.
func leads(s *fact.Snapshot, i int, a netip.Addr, names ...string) {
	for k := range s.Seen.DNS {
		for _, name := range names {
			if p := &s.Seen.DNS[k]; p.From == facttest.Source(i) && p.Name == name {
				p.Addrs = append(append([]netip.Addr{}, p.Addrs...), a)
			}
		}
	}
}

// connectTo adds a connection to an address of nobody, and how it ended.
func connectTo(s *fact.Snapshot, i int, a netip.Addr, o fact.Outcome) {
	s.Seen.TCP = append(s.Seen.TCP, fact.TCPProbe{From: facttest.Source(i), Network: facttest.App,
		Target: netip.AddrPortFrom(a, 8080), Outcome: o, Tries: 2, At: facttest.Taken})
}

// believe makes gossip on node i tell of an address, for a service or, with an
// empty name, for a container of its own.
func believe(s *fact.Snapshot, i int, service, name string, a netip.Addr) {
	n := facttest.NodeOf(s, i).Engine.Network(facttest.App)
	n.Services = append(n.Services, fact.BelievedService{Name: service, Tasks: []fact.BelievedTask{{Name: name, IP: a, HostIP: facttest.VTEP(2)}}})
}

// ended adds a task of the past with the ghost's address.
func ended(s *fact.Snapshot, ago time.Duration, desired, state string) {
	t := *s.Wanted.Task(facttest.Api(2))
	t.ID, t.Desired, t.State, t.StateSince, t.Updated = "oldtask", desired, state, facttest.Taken.Add(-ago), facttest.Taken.Add(-ago)
	t.Addresses = []fact.TaskAddress{{Network: facttest.App, Addr: netip.PrefixFrom(ghost, 24)}}
	s.Wanted.Tasks = append(s.Wanted.Tasks, t)
}

func TestDNSStaleRecord(t *testing.T) {
	id := "dns-stale-record"
	w := want{id: id, node: "n1", subject: "api", certainty: check.Proof}
	stale := func(s *fact.Snapshot) {
		leads(s, 1, ghost, "api", "tasks.api")
		connectTo(s, 1, ghost, fact.Timeout)
	}
	mutations(t, []mutation{
		{name: "nobody has it", mutate: stale, want: w},
		{name: "on two nodes: one fault", mutate: func(s *fact.Snapshot) {
			stale(s)
			leads(s, 3, ghost, "api", "tasks.api")
			connectTo(s, 3, ghost, fact.Timeout)
		}, want: want{id: id, subject: "api", certainty: check.Proof}},
		{name: "gossip holds it, too", mutate: func(s *fact.Snapshot) { stale(s); believe(s, 1, "api", "api.4.oldtask", ghost) }, want: w},
		{name: "its task ended long ago", mutate: func(s *fact.Snapshot) { stale(s); ended(s, time.Hour, "shutdown", "shutdown") }, want: w},
		{name: "its task ended just now", mutate: func(s *fact.Snapshot) { stale(s); ended(s, 20*time.Second, "shutdown", "shutdown") }, check: id, answer: check.Unknown},
		{name: "its task is draining", mutate: func(s *fact.Snapshot) { stale(s); ended(s, time.Hour, "shutdown", "running") }, check: id, answer: check.OK},
		{name: "a virtual address", mutate: func(s *fact.Snapshot) {
			stale(s)
			s.Wanted.ServiceNamed("web").VIPs = []fact.VIP{{Network: facttest.App, Addr: netip.PrefixFrom(ghost, 24)}}
		}, check: id, answer: check.OK},
		{name: "another network's", mutate: func(s *fact.Snapshot) { leads(s, 1, netip.MustParseAddr("10.9.9.9"), "tasks.api") }, check: id, answer: check.OK},
		{name: "no failed probe: one look is not enough", mutate: func(s *fact.Snapshot) { leads(s, 1, ghost, "tasks.api") }, check: id, answer: check.Unknown},
		{name: "no answer", mutate: func(s *fact.Snapshot) { s.Seen.DNS = nil }, check: id, answer: check.Unknown},
	})
}

func TestStaleRecordFindsTheOwnerFirst(t *testing.T) {
	for name, c := range map[string]struct {
		host   netip.Addr
		alone  bool
		want   string
		refuse string
	}{
		"seen":          {facttest.VTEP(2), false, "on n2: systemctl restart docker", "on n1: systemctl"},
		"not looked at": {facttest.VTEP(2), true, "Find the owner first", "systemctl"},
		"of nobody":     {netip.MustParseAddr("10.77.0.99"), false, "Find the owner first", "systemctl"},
		"not told":      {netip.Addr{}, true, "Find the owner first", "systemctl"},
	} {
		t.Run(name, func(t *testing.T) {
			s := facttest.Healthy()
			if c.alone {
				s = facttest.OneNode()
			}
			mutate := func(s *fact.Snapshot) {
				nodes := []int{1, 2, 3}
				if c.alone {
					nodes = nodes[:1]
				}
				tellOf(s, c.host, nodes...)
				leads(s, 1, ghost, "api", "tasks.api")
				connectTo(s, 1, ghost, fact.Timeout)
			}
			mutate(s)
			s.Earlier = facttest.Healthy()
			if c.alone {
				s.Earlier = facttest.OneNode()
			}
			mutate(s.Earlier)
			r := run(t, s)
			if root := "networkdb-stale-entries"; len(r.Causes) != 1 || r.Causes[0].ID != root {
				t.Fatalf("causes %s, want %s alone", ids(r.Causes), root)
			}
			if got := r.Causes[0].Relief; !strings.Contains(got, c.want) || strings.Contains(got, c.refuse) {
				t.Errorf("relief %q, want %q and not %q", got, c.want, c.refuse)
			}
		})
	}
}
