package lab

import (
	"context"
	"fmt"
	"time"
)

func bridgeFDBLearned() Fault {
	return Fault{
		ID:    "bridge-fdb-learned-stale",
		Doc:   "an overlay's bridge believes that a remote task's MAC address is behind a local container",
		Layer: "X",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			mac, _, err := l.peerRow(ctx, d.Node, d.Network, d.target().Addr())
			if err != nil {
				return err
			}
			port, err := l.taskPort(ctx, d.Task, d.Network)
			if err != nil {
				return err
			}
			// A row that was learned goes with the next frame from the task; sticky holds it in force.
			if err := d.Note("row", fmt.Sprintf("%s dev %s master", mac, port)); err != nil {
				return err
			}
			if err := l.overlayLines(ctx, d.Node, d.Network, []string{"bridge fdb replace " + d.Notes["row"] + " static sticky"}); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["row"] == "" {
				return nil
			}
			if err := l.overlayLines(ctx, d.Node, d.Network, []string{"bridge fdb del " + d.Notes["row"] + " 2>/dev/null || true"}); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: wantPeerTask("bridge-fdb-learned-stale"),
	}
}
