package cli

import (
	"context"
	"fmt"

	"fairway/internal/collect"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// ways are the ways to the nodes of the Swarm.
type ways struct {
	// here is the node whose engine was dialled.
	here fleet.Node
	// found are the other nodes that answered.
	found map[fact.NodeID]fleet.Node
}

func newWays(engine *collect.Engine, o LookOptions) *ways {
	return &ways{here: &local{engine: engine, now: o.Now}, found: map[fact.NodeID]fleet.Node{}}
}

// to finds the way to a node, or says why there is none.
func (w *ways) to(_ context.Context, s *fact.Snapshot, h host) (fleet.Node, *fact.Gap) {
	if n := w.found[h.id]; n != nil {
		return n, nil
	}
	g := &fact.Gap{Node: h.name, Kind: fact.KindNode, Class: fact.ClassUnseen,
		Reason: fmt.Sprintf("not looked at: this run saw %s only", expect.NodeName(s, s.Here)),
		Do:     fmt.Sprintf("run the same command on %s", h.name)}
	if n := s.Wanted.Node(h.id); n != nil && n.State != "ready" {
		g.Reason += fmt.Sprintf("; the managers say it is %s", n.State)
	}
	return nil, g
}

// open returns the way to a node that was looked at.
func (w *ways) open(id fact.NodeID) fleet.Node {
	if n := w.found[id]; n != nil {
		return n
	}
	return w.here
}

// close lets every node go.
func (w *ways) close() {
	for _, n := range w.found {
		n.Close()
	}
	w.here.Close()
}
