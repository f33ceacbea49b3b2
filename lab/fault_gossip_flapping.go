package lab

import (
	"context"
	"fmt"
	"time"
)

// gossipFlapping cuts another node off from gossip for some seconds, three times. When it is asked about, all is well again:
// only the logs know.
func gossipFlapping() Fault {
	const times = 3
	return Fault{
		ID:      "gossip-flapping",
		Doc:     "another node was cut off from gossip for some seconds, three times in a few minutes; now all is well",
		Layer:   "C",
		TwoEnds: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.noteRowCounts(ctx, d); err != nil {
				return err
			}
			for range times {
				if err := l.insertRulesOn(ctx, d, d.Peer, "INPUT -p udp --dport 7946 -j DROP", "INPUT -p tcp --dport 7946 -j DROP", "INPUT -p tcp --sport 7946 -j DROP"); err != nil {
					return err
				}
				for _, n := range l.Nodes {
					if n.Name == d.Peer {
						continue
					}
					if err := l.expectForgotten(ctx, n.Name, d.Peer, d.Network, 60*time.Second); err != nil {
						return err
					}
				}
				if err := l.deleteRules(ctx, d); err != nil {
					return err
				}
				if err := l.wholeAgain(ctx, d); err != nil {
					return err
				}
			}
			return l.expectSaid(ctx, d.Node, "NodeActive --> NodeFailed", times, 10*time.Second)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.deleteRules(ctx, d); err != nil {
				return err
			}
			if err := l.wholeAgain(ctx, d); err != nil {
				return fmt.Errorf("after flapping: %w", err)
			}
			return l.forgetSaid(ctx)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "gossip-flapping", Node: d.Peer, Kind: "node", Name: d.Peer})
		},
	}
}
