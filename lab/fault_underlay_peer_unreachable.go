package lab

import (
	"context"
	"fmt"
	"time"
)

func underlayPeerUnreachable() Fault {
	return Fault{
		ID:    "underlay-peer-unreachable",
		Doc:   "a node cannot reach one peer at all: its route there leads nowhere",
		Layer: "U",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			peer, err := l.Node(d.Peer)
			if err != nil {
				return err
			}
			if err := l.noteRowCounts(ctx, d); err != nil {
				return err
			}
			route := fmt.Sprintf("%s %s/32", Pick(d, []string{"blackhole", "unreachable", "prohibit"}), peer.Addr)
			if err := d.Note("route", route); err != nil {
				return err
			}
			if _, err := l.Exec(ctx, d.Node, "sh", "-ec", "ip route add "+route); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout, Unreachable)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["route"] == "" {
				return nil
			}
			if _, err := l.Exec(ctx, d.Node, "sh", "-c", "ip route del "+d.Notes["route"]+" 2>/dev/null || true"); err != nil {
				return err
			}
			for _, n := range l.Nodes { // either end may have given the other up
				if want := d.Notes["rows "+n.Name]; want != "" {
					if err := l.expectRows(ctx, n.Name, d.Network, 120*time.Second, want); err != nil {
						return err
					}
				}
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "underlay-peer-unreachable", Node: d.Node, Peer: d.Peer})
		},
	}
}
