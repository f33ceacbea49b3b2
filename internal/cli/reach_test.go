package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"fairway/internal/deploy"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestTroubleOnTheWayIsSaidPlainly(t *testing.T) {
	for want, err := range map[string]error{
		"no answer within 4s":      fmt.Errorf("ask n3 to hello: read tcp: %w", context.DeadlineExceeded),
		"no answer within 20s":     fmt.Errorf("ask n3 to look: no answer within 20s: %w", context.DeadlineExceeded),
		"connection refused":       &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"no route to the host":     &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)},
		"its answer is cut in two": fmt.Errorf("its answer is cut in %s", "two"),
	} {
		if got := plainly(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestWhatWasPutIsSaid(t *testing.T) {
	for _, row := range []struct {
		created, left bool
		want          string
	}{
		{false, false, ""},
		{true, false, "taken away again; their image i:1 stays"},
		{true, true, "could not all be taken away: `fairway remove` does it"},
	} {
		if got := strings.Join(put(row.created, row.left, "i:1"), " "); !strings.Contains(got, row.want) || row.want == "" && got != "" {
			t.Errorf("%+v: %q", row, got)
		}
	}
}

func TestUnreachableHostGetsNoAdviceAboutPorts(t *testing.T) {
	s := &fact.Snapshot{Wanted: &fact.Wanted{Nodes: []fact.SwarmNode{{ID: "x", Hostname: "n3", State: "ready"}},
		Tasks: []fact.Task{{ServiceID: "s", Node: "x", State: "running"}}}}
	at := netip.MustParseAddrPort("10.77.0.13:7950")
	for err, advice := range map[error]bool{syscall.EHOSTUNREACH: false, context.DeadlineExceeded: true} {
		g := noAnswer(s, &fact.Service{ID: "s"}, host{id: "x", name: "n3"}, at, err)
		if strings.Contains(g.Do, "let TCP port") != advice || strings.Contains(g.Reason, "deadline") {
			t.Errorf("%v: %s → %s", err, g.Reason, g.Do)
		}
	}
}

// TestMissingImageIsSaidWithTheWays: `fairway deploy` says more helps nobody whose
// agents were only there for one run.
func TestMissingImageIsSaidWithTheWays(t *testing.T) {
	s := &fact.Snapshot{Wanted: &fact.Wanted{Nodes: []fact.SwarmNode{{ID: "x", Hostname: "n3", State: "ready"}},
		Tasks: []fact.Task{{ServiceID: "s", Node: "x", State: "rejected", Err: "No such image: 127.0.0.1:1/fairway:v1-0"}}}}
	h := host{id: "x", name: "n3", addr: netip.MustParseAddr("10.77.0.13")}
	g := noAnswer(s, &fact.Service{ID: "s"}, h, netip.MustParseAddrPort("10.77.0.13:9747"), syscall.ECONNREFUSED)
	for _, way := range []string{"`fairway deploy --load ssh`", "so does --with-agents with --ssh 'user@{addr}'", "ssh NODE docker load"} {
		if !strings.Contains(g.Do, way) {
			t.Errorf("%q is not in %s → %s", way, g.Reason, g.Do)
		}
	}
	// Swarm tries again and again, and each try is new for a while.
	s.Wanted.Tasks = append(s.Wanted.Tasks, fact.Task{ServiceID: "s", Node: "x", State: "preparing", Desired: "running", Created: time.Unix(9, 0)})
	if g := noAnswer(s, &fact.Service{ID: "s"}, h, netip.AddrPort{}, syscall.ECONNREFUSED); !strings.Contains(g.Reason, "lacks the agents' image") {
		t.Errorf("the next try: %s", g.Reason)
	}
	s.Wanted.Tasks = s.Wanted.Tasks[:1]
	s.Wanted.Tasks[0].Err = "No such image: registry.example/fairway:v1"
	if g := noAnswer(s, &fact.Service{ID: "s"}, h, netip.AddrPort{}, syscall.ECONNREFUSED); strings.Contains(g.Do, "docker load") {
		t.Errorf("an image of the site's own: %s", g.Do)
	}
}

// TestNoAgentsIsNoEnd: where none can be deployed, as without a leader or on a
// worker, there is a diagnosis all the same.
func TestNoAgentsIsNoEnd(t *testing.T) {
	var errs strings.Builder
	c := &command{env: Env{Stdout: io.Discard, Stderr: &errs, Getenv: func(string) string { return "" }, Now: time.Now}}
	c.engine.host = engine(t, "engine-29-worker.txtar", nil)
	swarm, done, err := c.swarm(t.Context(), deploy.Plan{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	s, changed, err := c.amid(t.Context(), swarm, deploy.Plan{}, func(context.Context) (*fact.Snapshot, error) { return facttest.Healthy(), nil })
	if err != nil || s == nil || changed != nil || !strings.Contains(errs.String(), "no agents for this run: ") {
		t.Errorf("%v, %v, %v: %s", s, changed, err, errs.String())
	}
}
