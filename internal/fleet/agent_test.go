package fleet

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"fairway/internal/fact"
)

// made is when the test's certificates are made.
var made = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(moment time.Time) func() time.Time { return func() time.Time { return moment } }

// papers are the certificates of one deployment.
type papers struct {
	ca, agentCert, agentKey, clientCert, clientKey []byte
}

func deployment(t testing.TB, now time.Time) papers {
	t.Helper()
	a, err := NewAuthority(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	p := papers{ca: a.Certificate()}
	if p.agentCert, p.agentKey, err = a.Issue(rand.Reader, now, ForAgent); err != nil {
		t.Fatal(err)
	}
	if p.clientCert, p.clientKey, err = a.Issue(rand.Reader, now, ForOperator); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p papers) server(t testing.TB, now func() time.Time) *tls.Config {
	t.Helper()
	c, err := ServerTLS(p.ca, p.agentCert, p.agentKey, now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p papers) client(t testing.TB, now func() time.Time) *tls.Config {
	t.Helper()
	c, err := ClientTLS(p.ca, p.clientCert, p.clientKey, now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fake is a node whose methods a test may replace.
type fake struct {
	look  func(context.Context, LookRequest) (*LookAnswer, error)
	probe func(context.Context, ProbeRequest) (*ProbeAnswer, error)
	watch func(context.Context, WatchRequest) (*WatchAnswer, error)
}

func (fake) Hello(context.Context) (*Hello, error) {
	return &Hello{Protocol: Protocol, Tool: "test", Node: "node1", Name: "n1", Clock: made}, nil
}

func (f fake) Look(ctx context.Context, r LookRequest) (*LookAnswer, error) {
	if f.look != nil {
		return f.look(ctx, r)
	}
	return &LookAnswer{Clock: made}, nil
}

func (f fake) Probe(ctx context.Context, r ProbeRequest) (*ProbeAnswer, error) {
	if f.probe != nil {
		return f.probe(ctx, r)
	}
	return &ProbeAnswer{Seen: r.Probes}, nil
}

func (f fake) Logs(context.Context, LogRequest) (*LogAnswer, error) { return &LogAnswer{}, nil }
func (f fake) Watch(ctx context.Context, r WatchRequest) (*WatchAnswer, error) {
	if f.watch != nil {
		return f.watch(ctx, r)
	}
	return &WatchAnswer{}, nil
}

func (fake) Close() error { return nil }

// running is an agent on a port of this host.
type running struct {
	addr string
	papers
	stop func()

	mu     sync.Mutex
	events []Event
}

// agent runs one until the test ends and sees that it ends and leaves no
// goroutine behind.
func agent(t testing.TB, n Node, limits Limits) *running {
	t.Helper()
	before := runtime.NumGoroutine()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{addr: l.Addr().String(), papers: deployment(t, made)}
	limits.Note = r.note
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	door := Listen(l, r.server(t, at(made)), r.note)
	go func() { ended <- Serve(ctx, door, n, limits) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the agent ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the agent did not end")
		}
	})
	t.Cleanup(func() {
		r.stop()
		noneLeft(t, before)
	})
	return r
}

func (r *running) note(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// noted waits until an event of that kind was noted.
func (r *running) noted(t testing.TB, what, why string) {
	t.Helper()
	for range 600 {
		r.mu.Lock()
		for _, e := range r.events {
			if e.What == what && e.Err != nil && strings.Contains(e.Err.Error(), why) {
				r.mu.Unlock()
				return
			}
		}
		r.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("no event %q with %q in %v", what, why, r.events)
}

// noneLeft holds the number of goroutines to what it was.
func noneLeft(t testing.TB, before int) {
	t.Helper()
	for range 500 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
}

// dial returns the agent as a node, under the client's settings.
func (r *running) dial(t testing.TB, c *tls.Config) Node {
	t.Helper()
	n := Dial("n1", func(ctx context.Context) (net.Conn, error) {
		return (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", r.addr)
	})
	t.Cleanup(func() { n.Close() })
	return n
}

// operator returns the agent as its operator sees it.
func (r *running) operator(t testing.TB) Node { return r.dial(t, r.client(t, at(made))) }

// alive sees that the agent still answers its operator.
func (r *running) alive(t testing.TB) {
	t.Helper()
	var err error
	for range 50 {
		var h *Hello
		if h, err = r.operator(t).Hello(t.Context()); err == nil {
			if h.Node != "node1" {
				t.Errorf("hello: %+v", h)
			}
			return
		}
		time.Sleep(100 * time.Millisecond) // a flood of ours may still be counted
	}
	t.Errorf("the agent no longer answers: %v", err)
}

func lookOf(name string) *LookAnswer {
	return &LookAnswer{Node: fact.Node{ID: fact.NodeID("id-" + name), Name: name,
		Engine: &fact.Engine{Name: name, Swarm: fact.EngineSwarm{NodeID: fact.NodeID("id-" + name)}}}}
}

func wantError(t testing.TB, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("error %v, want one with %q", err, part)
	}
	if err != nil && strings.ContainsAny(fmt.Sprint(err), "\n\x1b") {
		t.Errorf("error of more than one line: %q", err)
	}
}
