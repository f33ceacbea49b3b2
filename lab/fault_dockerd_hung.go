package lab

import (
	"context"
	"errors"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

func dockerdHung() Fault {
	return Fault{
		ID:     "dockerd-hung",
		Doc:    "a node's engine is stopped: its ports take connections and it says nothing",
		Layer:  "C",
		Renews: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := errors.Join(l.noteRowCounts(ctx, d), l.victim(ctx, d)); err != nil {
				return err
			}
			if err := l.SignalEngine(ctx, d.Peer, "STOP"); err != nil {
				return err
			}
			if err := l.expectForgotten(ctx, d.Node, d.Peer, d.Network, 90*time.Second); err != nil {
				return err
			}
			return l.expectState(ctx, d.Peer, swarm.NodeStateDown, 60*time.Second)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["victim"] == "" {
				return nil
			}
			if err := l.SignalEngine(ctx, d.Notes["victim"], "CONT"); err != nil {
				return err
			}
			return l.wholeAgain(ctx, d)
		},
		Want: func(_ *Lab, d *Draw) Want {
			w := d.ask(Cause{ID: "dockerd-hung", Node: d.Peer, Kind: "node", Name: d.Peer})
			w.NoAgents = []string{d.Peer}
			return w
		},
	}
}
