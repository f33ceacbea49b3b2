// Package fleet reaches the nodes of a Swarm: a Node is this host, or one
// behind a connection, and many are asked at once.
package fleet

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"fairway/internal/fact"
)

// Protocol is the version of the requests and answers below. Additions keep
// it; both ends ignore fields they do not know.
const Protocol = 1

// Node is one host that can be looked at. Its methods may be called at the same
// time. An error means that nothing was learnt; what was learnt in part comes
// back as an answer with gaps.
type Node interface {
	// Hello says who is there.
	Hello(context.Context) (*Hello, error)
	// Look reads what the engine believes and what the kernel holds.
	Look(context.Context, LookRequest) (*LookAnswer, error)
	// Probe sends probes from inside the node's namespaces.
	Probe(context.Context, ProbeRequest) (*ProbeAnswer, error)
	// Watch counts packets that pass on their own, and samples counters.
	Watch(context.Context, WatchRequest) (*WatchAnswer, error)
	// Logs reads what the node's engine and kernel logged.
	Logs(context.Context, LogRequest) (*LogAnswer, error)
	Close() error
}

// Hello says who answers, and what time it has.
type Hello struct {
	Protocol int
	// Tool and Hash are the version and the SHA-256 of the program that answers.
	Tool, Hash string
	// Node is the Swarm node ID, Name the host name, by its own engine; empty
	// where the engine does not answer.
	Node fact.NodeID
	Name string
	// Clock is the time of that host's clock.
	Clock time.Time
}

// LookRequest says what of a node is wanted.
type LookRequest struct {
	// Peers are underlay addresses to ask the host for a route to.
	Peers []netip.Addr
	// Resolv are the containers whose resolv.conf is wanted.
	Resolv []fact.ContainerID
	// Ports are published ports whose sockets on the host want an owner's name.
	Ports []uint16 `json:",omitempty"`
	// Names are services, tasks or containers whose containers belong to Resolv,
	// too: for an asker who does not know their IDs.
	Names []string
}

// LookAnswer is what a node believes and holds.
type LookAnswer struct {
	Node fact.Node
	Gaps []fact.Gap
	// Clock is the node's clock when the answer was made.
	Clock time.Time
}

// ProbeRequest asks for probes: facts with only their questions filled in.
type ProbeRequest struct {
	Probes fact.Seen
	// Spaces are the namespaces the probes start in, as they were read; a probe
	// is refused where the name means another one by now.
	Spaces []Space
	// Limit is how many TCP connections are allowed for one pair of source and
	// target; 0 means none.
	Limit int
}

// Space is a namespace by name and inode.
type Space struct {
	Name  string
	Inode uint64
	Role  fact.NSRole
	// Rules and IPVS say that these were read, and are to be counted again.
	Rules, IPVS bool `json:",omitempty"`
}

// ProbeAnswer is what the probes got.
type ProbeAnswer struct {
	Seen fact.Seen
	Gaps []fact.Gap
}

// WatchRequest asks for what happens by itself.
type WatchRequest struct {
	// For is how long to watch, at most MaxWatch; 0 samples counters only.
	For time.Duration
	// Gossip counts packets of UDP port 7946.
	Gossip bool
	// DataPath counts datagrams to this UDP port that carry VNI, seen on the wire
	// and by the host, by size; 0: none. A VNI of 0 means any, sizes not told
	// apart. Who sends meanwhile waits about 200 ms after asking for this.
	DataPath uint16
	VNI      uint32
	// Counters samples the counters of Spaces, at the end.
	Counters bool
	// Spaces must hold the host's own for Gossip and DataPath.
	Spaces []Space
}

// MaxWatch is the longest watch.
const MaxWatch = 20 * time.Second

// WatchAnswer is what was seen meanwhile.
type WatchAnswer struct {
	Flows    []fact.Flow
	Counters []fact.SpaceCounters
	Gaps     []fact.Gap
}

// LogRequest asks for log lines. Which logs a node has is the node's own
// business: no file can be named.
type LogRequest struct {
	// Windows are by the node's own clock, at most MaxWindows.
	Windows []fact.Window
	// Lines is how many lines may come back, at most MaxLines; 0: MaxLines.
	Lines int
}

// Bounds of a request for logs.
const (
	MaxWindows = 64
	MaxLines   = 50000
	// MaxLogBytes is how much text all lines of an answer may have.
	MaxLogBytes = 8 << 20
)

// LogAnswer is what the logs say.
type LogAnswer struct {
	Said fact.Said
	Gaps []fact.Gap
}

// Asked is one part of All.
type Asked[K, T any] struct {
	Key    K
	Answer T
	Err    error
}

// All asks for every key at once and waits no longer than limit for each: a
// dead, slow, hung or lying node costs its own answer and nobody else's. The
// answers are in the order of the keys.
func All[K, T any](ctx context.Context, limit time.Duration, keys []K, ask func(context.Context, K) (T, error)) []Asked[K, T] {
	out := make([]Asked[K, T], len(keys))
	var wg sync.WaitGroup
	for i, key := range keys {
		wg.Go(func() {
			out[i].Key = key
			out[i].Answer, out[i].Err = bounded(ctx, limit, func(ctx context.Context) (T, error) { return ask(ctx, key) })
		})
	}
	wg.Wait()
	return out
}

// bounded returns when the limit is over even if ask does not: a method that
// ignores its context must not hold the others.
func bounded[T any](ctx context.Context, limit time.Duration, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		defer cancel()
		defer func() {
			if p := recover(); p != nil {
				var zero T
				done <- result{zero, fmt.Errorf("ask a node: our own code stumbled: %v", p)}
			}
		}()
		v, err := ask(ctx)
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-time.After(limit + 100*time.Millisecond):
		cancel()
		var zero T
		return zero, fmt.Errorf("no answer within %v: %w", limit, context.DeadlineExceeded)
	}
}
