package fleet

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// A fan-out to so many nodes, each so far away.
const (
	farNodes = 500
	farAway  = 20 * time.Millisecond // there and back
)

// BenchmarkFar asks 500 agents, all in this process, for everything that a
// diagnosis of a healthy Swarm asks, from the first handshake on. Both ends
// count. What it may take is in the table of `make bench`, which runs it alone.
func BenchmarkFar(b *testing.B) {
	papers := deployment(b, made)
	like, client, server := *facttest.NodeOf(facttest.Healthy(), 1), papers.client(b, at(made)), papers.server(b, at(made))
	agents := make([]*far, farNodes)
	for i := range agents {
		agents[i] = farAgent(b, like, client, server, i+1)
	}
	fastest := time.Hour
	for b.Loop() {
		nodes := make([]Node, farNodes)
		for i, a := range agents {
			nodes[i] = Checked(a.node.ID, "", Dial(a.node.Name, a.dial))
		}
		start := time.Now()
		askFar(b, nodes)
		fastest = min(fastest, time.Since(start))
		for _, n := range nodes {
			n.Close()
		}
	}
	b.ReportMetric(float64(fastest.Milliseconds()), "fastest-ms")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys>>20), "MiB") // ever taken from the system
}

// askFar is the rounds of one look.
func askFar(b *testing.B, nodes []Node) {
	everybody(b, nodes, func(ctx context.Context, n Node) (*Hello, error) { return n.Hello(ctx) })
	everybody(b, nodes, func(ctx context.Context, n Node) (*LookAnswer, error) { return n.Look(ctx, LookRequest{}) })
	for range 2 {
		everybody(b, nodes, func(ctx context.Context, n Node) (*ProbeAnswer, error) { return n.Probe(ctx, ProbeRequest{}) })
	}
	everybody(b, nodes, func(ctx context.Context, n Node) (*WatchAnswer, error) {
		return n.Watch(ctx, WatchRequest{Counters: true})
	})
}

func everybody[T any](b *testing.B, nodes []Node, ask func(context.Context, Node) (*T, error)) {
	b.Helper()
	for i, a := range All(b.Context(), 5*time.Second, nodes, ask) {
		if a.Err != nil {
			b.Fatalf("node %d: %v", i+1, a.Err)
		}
	}
}

// far is an agent behind connections that take their time; it is a listener,
// too: what was dialled is accepted.
type far struct {
	node    fact.Node
	client  *tls.Config
	dialled chan net.Conn
	over    context.Context
}

// farAgent has the facts of a node like another one under a name of its own.
func farAgent(b *testing.B, like fact.Node, client, server *tls.Config, i int) *far {
	f := &far{node: like, client: client, dialled: make(chan net.Conn)}
	engine := *f.node.Engine
	f.node.Engine, f.node.Name, f.node.ID = &engine, fmt.Sprintf("n%d", i), fact.NodeID(fmt.Sprintf("id-n%d", i))
	engine.Name, engine.Swarm.NodeID = f.node.Name, f.node.ID
	over, stop := context.WithCancel(context.Background())
	f.over = over
	b.Cleanup(stop)
	answer := &LookAnswer{Node: f.node, Clock: made}
	named := named{fake{look: func(context.Context, LookRequest) (*LookAnswer, error) { return answer, nil }}, f.node.ID}
	// One diagnosis after the other without a pause is not what an agent's limits are for.
	go Serve(over, Listen(f, server, func(Event) {}), named, Limits{PerSecond: 10000})
	return f
}

// named is a fake with an ID of its own.
type named struct {
	fake
	id fact.NodeID
}

func (n named) Hello(context.Context) (*Hello, error) {
	return &Hello{Protocol: Protocol, Node: n.id, Clock: made}, nil
}

func (f *far) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	time.Sleep(farAway) // TCP's own handshake
	f.dialled <- slowly(there)
	c := tls.Client(slowly(here), f.client)
	return c, c.HandshakeContext(ctx)
}

// Accept implements net.Listener.
func (f *far) Accept() (net.Conn, error) {
	select {
	case c := <-f.dialled:
		return c, nil
	case <-f.over.Done():
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (f *far) Close() error { return nil }

// Addr implements net.Listener.
func (f *far) Addr() net.Addr { return &net.TCPAddr{} }

// slow delivers what is written half of farAway later, and does not hold the
// writer meanwhile.
type slow struct {
	net.Conn
	way  chan parcel
	over context.Context
	stop func()
}

type parcel struct {
	content []byte
	due     time.Time
}

func slowly(c net.Conn) net.Conn {
	s := &slow{Conn: c, way: make(chan parcel, 64)}
	s.over, s.stop = context.WithCancel(context.Background())
	go func() {
		for {
			select {
			case p := <-s.way:
				time.Sleep(time.Until(p.due))
				if _, err := s.Conn.Write(p.content); err != nil {
					return
				}
			case <-s.over.Done():
				return
			}
		}
	}()
	return s
}

// Write implements net.Conn.
func (s *slow) Write(b []byte) (int, error) {
	select {
	case s.way <- parcel{append([]byte(nil), b...), time.Now().Add(farAway / 2)}:
		return len(b), nil
	case <-s.over.Done():
		return 0, net.ErrClosed
	}
}

// Close implements net.Conn.
func (s *slow) Close() error {
	s.stop()
	return s.Conn.Close()
}
