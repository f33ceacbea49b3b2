package lab

import (
	"context"
	"errors"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

// managerRules drop all that comes in from managers, and to them: both ends' port is 2377. The node's own connections to
// itself go on.
var managerRules = []string{"INPUT -i eth0 -p tcp --dport 2377 -j DROP", "INPUT -i eth0 -p tcp --sport 2377 -j DROP"}

func managerPathBlocked() Fault {
	return Fault{
		ID:     "manager-path-2377-blocked",
		Doc:    "a node's firewall drops the managers' port: they call it down, while gossip and its containers go on",
		Layer:  "C",
		Renews: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := errors.Join(l.noteRowCounts(ctx, d), l.victim(ctx, d)); err != nil {
				return err
			}
			if err := l.rules(ctx, d.Peer, "-I", managerRules...); err != nil {
				return err
			}
			return l.expectState(ctx, d.Peer, swarm.NodeStateDown, 60*time.Second)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["victim"] == "" {
				return nil
			}
			if err := l.rules(ctx, d.Notes["victim"], "-D", managerRules...); err != nil {
				return err
			}
			return l.wholeAgain(ctx, d)
		},
		Want: func(_ *Lab, d *Draw) Want {
			w := d.ask(Cause{ID: "manager-path-2377-blocked", Node: d.Peer, Kind: "node", Name: d.Peer})
			w.NoAgents = []string{d.Peer}
			return w
		},
	}
}
