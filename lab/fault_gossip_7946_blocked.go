package lab

import (
	"context"
	"fmt"
	"time"
)

func gossipBlocked() Fault {
	return Fault{
		ID:    "gossip-7946-blocked",
		Doc:   "a node's own firewall drops gossip: the node forgets its peers, although the managers call all Ready",
		Layer: "C",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.noteRowCounts(ctx, d); err != nil {
				return err
			}
			// Only what comes in: a drop on the way out is an error to the sender, and engine 20.10 then gives up its
			// probe and never calls the peer failed. The last rule drops the answers to the node's own connections.
			err := l.insertRules(ctx, d, "INPUT -p udp --dport 7946 -j DROP", "INPUT -p tcp --dport 7946 -j DROP",
				"INPUT -p tcp --sport 7946 -j DROP")
			if err != nil {
				return err
			}
			return l.expectRows(ctx, d.Node, d.Network, 90*time.Second, "0")
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.deleteRules(ctx, d); err != nil {
				return err
			}
			for _, n := range l.Nodes { // the others forgot this node, too
				if want := d.Notes["rows "+n.Name]; want != "" {
					if err := l.expectRows(ctx, n.Name, d.Network, 120*time.Second, want); err != nil {
						return err
					}
				}
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "gossip-7946-blocked", Node: d.Node})
		},
	}
}

// noteRowCounts remembers how many rows of peers every node holds.
func (l *Lab) noteRowCounts(ctx context.Context, d *Draw) error {
	for _, n := range l.Nodes {
		rows, err := l.FDB(ctx, n.Name, d.Network)
		if err != nil {
			return err
		}
		if err := d.Note("rows "+n.Name, fmt.Sprint(len(rows))); err != nil {
			return err
		}
	}
	return nil
}

// expectRows waits until a node holds that many FDB rows of peers.
func (l *Lab) expectRows(ctx context.Context, node, network string, wait time.Duration, want string) error {
	return poll(ctx, wait, "the FDB of "+node+" to hold "+want+" rows", func() (bool, error) {
		rows, err := l.FDB(ctx, node, network)
		if err == nil && fmt.Sprint(len(rows)) != want {
			err = fmt.Errorf("it holds %d", len(rows))
		}
		return err == nil, err
	})
}
