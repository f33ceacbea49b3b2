package lab

import (
	"context"
	"fmt"
	"slices"
	"time"
)

func overlayNeighWrongMAC() Fault {
	return Fault{
		ID:    "overlay-neigh-wrong-mac",
		Doc:   "a node's neighbour row of one remote task names a MAC that no port has, as after the reuse of an address",
		Layer: "X",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.noteRow(ctx, d); err != nil {
				return err
			}
			ip := d.target().Addr()
			wrong := fmt.Sprintf("02:42:de:ad:%02x:%02x", d.rng.IntN(256), d.rng.IntN(256))
			_, err := l.InOverlay(ctx, d.Node, d.Network, "ip", "neigh", "replace", ip.String(), "lladdr", wrong,
				"dev", "vxlan0", "nud", "permanent")
			if err != nil {
				return err
			}
			if err := l.forget(ctx, d.Node, d.Network, ip); err != nil {
				return err
			}
			rows, err := l.Neighbours(ctx, d.Node, d.Network)
			if err != nil {
				return err
			}
			if !slices.Contains(rows, Neighbour{IP: ip, MAC: wrong}) {
				return fmt.Errorf("the neighbour row of %s does not name %s", ip, wrong)
			}
			return l.expectConnect(ctx, d.Task, d.target(), 5*time.Second, Timeout)
		},
		Heal: healRow,
		Want: wantPeerTask("overlay-neigh-wrong-mac"),
	}
}
