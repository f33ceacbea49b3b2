package lab

import (
	"context"
	"fmt"
	"time"
)

func vtepSource() Fault {
	return Fault{
		ID:    "vtep-source-mismatch",
		Doc:   "a node has a second address, and its route to one peer makes packets leave with that one",
		Layer: "U",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			peer, err := l.Node(d.Peer)
			if err != nil {
				return err
			}
			second := fmt.Sprintf("10.77.0.%d", 100+d.rng.IntN(100))
			undo := fmt.Sprintf("ip route del %s/32 2>/dev/null || true\nip addr del %s/32 dev eth0 2>/dev/null || true", peer.Addr, second)
			if err := d.Note("undo", undo); err != nil {
				return err
			}
			lines := fmt.Sprintf("ip addr add %[1]s/32 dev eth0\nip route add %[2]s/32 dev eth0 src %[1]s", second, peer.Addr)
			if _, err := l.Exec(ctx, d.Node, "sh", "-ec", lines); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["undo"] == "" {
				return nil
			}
			if _, err := l.Exec(ctx, d.Node, "sh", "-c", d.Notes["undo"]); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "vtep-source-mismatch", Node: d.Node, Kind: "node", Name: d.Node, Peer: d.Peer})
		},
	}
}
