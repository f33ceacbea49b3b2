package expect_test

import (
	"slices"
	"testing"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func dataPath(t *testing.T, s *fact.Snapshot) expect.DataPathPlan {
	t.Helper()
	sc, err := expect.Resolve(s)
	if err != nil {
		t.Fatal(err)
	}
	return expect.DataPath(s, &sc)
}

func TestDataPathOfHealthyIsNothing(t *testing.T) {
	if p := dataPath(t, facttest.Healthy()); len(p.Probes) != 0 {
		t.Errorf("%d datagrams where nothing is wrong", len(p.Probes))
	}
}

func TestDataPath(t *testing.T) {
	for name, breakIt := range map[string]func(*fact.Snapshot){
		"connections time out": func(s *fact.Snapshot) { facttest.Fail(s, 1, facttest.Api(3), fact.Timeout) },
		"large packets get lost": func(s *fact.Snapshot) {
			for i := range s.Seen.MTU {
				if m := &s.Seen.MTU[i]; m.From.Node == "n1" && m.To == facttest.Api(3) {
					m.Passed, m.Failed = 1300, 1301
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := facttest.Healthy()
			breakIt(s)
			s.Wanted.Networks[0].VNIs = append(s.Wanted.Networks[0].VNIs, 0xFFFFF0)
			p := dataPath(t, s)
			if p.Pairs != 1 || p.Of != 1 {
				t.Errorf("%d of %d pairs", p.Pairs, p.Of)
			}
			for _, want := range []struct {
				from string
				to   fact.NodeID
			}{{"n1", facttest.Node(3)}, {"n3", facttest.Node(1)}, {"n1", facttest.Node(2)}, {"n2", facttest.Node(1)}} {
				wantLadder(t, p.Probes, want.from, want.to)
			}
			if slices.ContainsFunc(p.Probes, func(q fact.DataPathProbe) bool { return q.VNI != 0xFFFFEF }) {
				t.Errorf("VNI is not the free one: %+v", p.Probes[0])
			}
		})
	}
}

// wantLadder: sizes in rising order up to 1500 on the port, and one on 4790.
func wantLadder(t *testing.T, probes []fact.DataPathProbe, from string, to fact.NodeID) {
	t.Helper()
	var sizes []int
	beside := 0
	for _, q := range probes {
		switch {
		case q.Node != from || q.Peer != to:
		case q.Target.Port() == 4789:
			sizes = append(sizes, q.Size)
		case q.Target.Port() == 4790 && q.Size == expect.DataPathSmall:
			beside++
		default:
			t.Errorf("unexpected %+v", q)
		}
	}
	if len(sizes) < 5 || !slices.IsSorted(sizes) || sizes[0] != expect.DataPathSmall || sizes[len(sizes)-1] != 1500 || beside != 1 {
		t.Errorf("%s → %s: sizes %v, %d beside", from, to, sizes, beside)
	}
}

func TestDataPathFromNodesThatWereSeen(t *testing.T) {
	s := facttest.OneNode()
	facttest.Fail(s, 1, facttest.Api(3), fact.Timeout)
	for _, q := range dataPath(t, s).Probes {
		if q.Node != "n1" {
			t.Errorf("nobody can send %+v", q)
		}
	}
}

func TestNeighbourPort(t *testing.T) {
	for port, want := range map[uint16]uint16{4789: 4790, 7945: 7944, 2376: 2375, 49151: 49150} {
		if got := expect.NeighbourPort(port); got != want {
			t.Errorf("beside %d: %d, want %d", port, got, want)
		}
	}
}

// forget takes task k out of what node i believes.
func forget(s *fact.Snapshot, i int, id fact.TaskID) {
	net := facttest.NodeOf(s, i).Engine.Network(facttest.App)
	for n := range net.Services {
		svc := &net.Services[n]
		svc.Tasks = slices.DeleteFunc(svc.Tasks, func(b fact.BelievedTask) bool {
			name, _ := expect.ParseTaskName(b.Name)
			return name.Task == id
		})
	}
}

func TestWatchGossip(t *testing.T) {
	for name, c := range map[string]struct {
		mutate func(*fact.Snapshot)
		want   time.Duration
	}{
		"healthy":             {func(*fact.Snapshot) {}, 0},
		"a task is not known": {func(s *fact.Snapshot) { forget(s, 1, facttest.Api(3)) }, 3 * time.Second},
		"a task that is gone is known": {func(s *fact.Snapshot) {
			task := s.Wanted.Task(facttest.Api(3))
			task.Desired, task.State = "shutdown", "shutdown"
		}, 3 * time.Second},
		"no port is open": {func(s *fact.Snapshot) {
			forget(s, 1, facttest.Api(3))
			s.Seen.Peers = nil
		}, 0},
		"in a Swarm of 30": {func(s *fact.Snapshot) {
			forget(s, 1, facttest.Api(3))
			s.Wanted.Nodes = append(s.Wanted.Nodes, make([]fact.SwarmNode, 27)...)
		}, 20 * time.Second},
		"without the managers": {func(s *fact.Snapshot) { facttest.MissAll(s, fact.KindSwarm) }, 0},
	} {
		s := facttest.Healthy()
		c.mutate(s)
		if got := expect.WatchGossip(s); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
