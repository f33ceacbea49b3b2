package lab

import (
	"context"
	"errors"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

func gossipSplitIslands() Fault {
	return Fault{
		ID: "gossip-split-islands",
		// Groups that formed while the ports were closed find each other within a second on these engines, because failed
		// nodes are tried again. So a node is made to leave, which nobody tries to mend: the peers that each engine tells of
		// are the same.
		Doc:    "a node has left gossip about a network that it runs tasks on: it and the others do not hear each other, although all ports are open",
		Layer:  "C",
		Renews: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := errors.Join(l.noteRowCounts(ctx, d), l.victim(ctx, d)); err != nil {
				return err
			}
			id, err := l.NetworkID(ctx, d.Network)
			if err != nil {
				return err
			}
			if err := l.serveDiagnostics(ctx, d.Peer, true); err != nil {
				return err
			}
			if err := l.diagnostics(ctx, d.Peer, "leavenetwork?nid="+id); err != nil {
				return err
			}
			return l.expectForgotten(ctx, d.Node, d.Peer, d.Network, 15*time.Second)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			victim := d.Notes["victim"]
			if victim == "" {
				return nil
			}
			if err := l.serveDiagnostics(ctx, victim, false); err != nil {
				return err
			}
			// The first task that comes makes the engine join again.
			if err := l.availability(ctx, victim, swarm.NodeAvailabilityDrain); err != nil {
				return err
			}
			err := poll(ctx, 60*time.Second, victim+" to run no task", func() (bool, error) {
				tasks, err := l.Tasks(ctx)
				for _, t := range tasks {
					if t.Node == victim && t.State == swarm.TaskStateRunning {
						return false, err
					}
				}
				return err == nil, err
			})
			if err := errors.Join(err, l.availability(ctx, victim, swarm.NodeAvailabilityActive)); err != nil {
				return err
			}
			return l.wholeAgain(ctx, d)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "gossip-split-islands", Node: d.Peer})
		},
	}
}
