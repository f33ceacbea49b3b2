package expect_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestHostAddr(t *testing.T) {
	s := facttest.Healthy()
	w := s.Wanted.Node(facttest.Node(2))
	for _, c := range []struct{ told, want string }{
		{"192.0.2.7", "192.0.2.7"}, // not the VTEP
		{"0.0.0.0", "10.77.0.12"},
		{"127.0.0.1", "10.77.0.12"},
	} {
		w.Addr = netip.MustParseAddr(c.told)
		if got := expect.HostAddr(s, w.ID); got.String() != c.want {
			t.Errorf("told %s: %s, want %s", c.told, got, c.want)
		}
	}
}

func TestStricken(t *testing.T) {
	s := facttest.Healthy()
	sc, err := expect.Resolve(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := expect.Stricken(s, &sc); len(got) != 0 {
		t.Errorf("healthy: %v", got)
	}
	old := *s.Wanted.Task(facttest.Api(3))
	for id, age := range map[fact.TaskID]time.Duration{"new": time.Second, "old": time.Hour} {
		old.ID, old.State, old.StateSince = id, "rejected", facttest.Taken.Add(-age)
		s.Wanted.Tasks = append(s.Wanted.Tasks, old)
	}
	if got := expect.Stricken(s, &sc); !slices.Equal(got, []fact.NodeID{facttest.Node(3)}) {
		t.Errorf("%v, want node 3 once", got)
	}
}
