package cli

import (
	"context"
	"fmt"
	"sync"

	"fairway/internal/collect"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// ways are the ways to the nodes of the Swarm: this host, an agent, SSH.
type ways struct {
	// here is the node whose engine was dialled.
	here fleet.Node
	ssh  *fleet.SSH

	mu sync.Mutex
	// found are the other nodes that answered, by host name.
	found map[string]way
}

type way struct {
	id   fact.NodeID
	node fleet.Node
}

func newWays(engine *collect.Engine, o LookOptions) *ways {
	return &ways{here: &local{engine: engine, now: o.Now}, ssh: o.SSH, found: map[string]way{}}
}

// to finds the way to a node, or says why there is none. Both looks share it.
func (w *ways) to(ctx context.Context, s *fact.Snapshot, h host) (fleet.Node, *fact.Gap) {
	w.mu.Lock()
	known, ok := w.found[h.name]
	w.mu.Unlock()
	if ok {
		return known.node, nil
	}
	if w.ssh == nil {
		return nil, w.noWay(s, h)
	}
	n, err := w.ssh.Node(ctx, h.name, h.addr)
	if err != nil {
		return nil, &fact.Gap{Node: h.name, Kind: fact.KindNode, Class: fact.ClassUnseen, Reason: err.Error(),
			Do: "log in by hand with the same ssh target, once, and see what it asks"}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found[h.name] = way{h.id, n}
	return n, nil
}

func (w *ways) noWay(s *fact.Snapshot, h host) *fact.Gap {
	g := &fact.Gap{Node: h.name, Kind: fact.KindNode, Class: fact.ClassUnseen,
		Reason: fmt.Sprintf("not looked at: this run saw %s only", expect.NodeName(s, s.Here)),
		Do:     fmt.Sprintf("run the same command on %s", h.name)}
	if n := s.Wanted.Node(h.id); n != nil && n.State != "ready" {
		g.Reason += fmt.Sprintf("; the managers say it is %s", n.State)
	}
	return g
}

// open returns the way to a node that was looked at.
func (w *ways) open(id fact.NodeID) fleet.Node {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.found {
		if f.id == id && id != "" {
			return f.node
		}
	}
	return w.here
}

// close lets every node go.
func (w *ways) close() {
	for _, f := range w.found {
		f.node.Close()
	}
	w.here.Close()
}
