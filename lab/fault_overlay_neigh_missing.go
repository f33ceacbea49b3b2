package lab

import (
	"context"
	"fmt"
	"slices"
	"time"
)

func overlayNeighMissing() Fault {
	return Fault{
		ID:    "overlay-neigh-missing",
		Doc:   "a node has lost the neighbour row of one remote task: nobody answers who has its address",
		Layer: "X",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.noteRow(ctx, d); err != nil {
				return err
			}
			ip := d.target().Addr()
			if _, err := l.InOverlay(ctx, d.Node, d.Network, "ip", "neigh", "del", ip.String(), "dev", "vxlan0"); err != nil {
				return err
			}
			if err := l.forget(ctx, d.Node, d.Network, ip); err != nil {
				return err
			}
			rows, err := l.Neighbours(ctx, d.Node, d.Network)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(rows, func(n Neighbour) bool { return n.IP == ip }) {
				return fmt.Errorf("the neighbour row of %s is still there", ip)
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout, Unreachable)
		},
		Heal: healRow,
		Want: wantPeerTask("overlay-neigh-missing"),
	}
}
