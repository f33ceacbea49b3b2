package lab

import (
	"context"
	"fmt"
	"maps"
	"time"
)

func vniMismatch() Fault {
	return Fault{
		ID:    "vni-mismatch",
		Doc:   "an overlay's VXLAN device on one node carries another number than the network, as one that survived its network",
		Layer: "X",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			old, err := l.vxlan(ctx, d.Node, d.Network)
			if err != nil {
				return err
			}
			if err := l.noteVXLAN(ctx, d, old); err != nil {
				return err
			}
			wrong := old.Info.Data.ID + 1000 + d.rng.IntN(1000)
			other := *d
			other.Notes = maps.Clone(d.Notes)
			other.Notes["device"] = fmt.Sprintf("id %d ageing %d learning proxy l2miss l3miss", wrong, old.Info.Data.Ageing)
			if err := l.recreateVXLAN(ctx, &other, old.Info.Data.Port); err != nil {
				return err
			}
			now, err := l.vxlan(ctx, d.Node, d.Network)
			if err != nil {
				return err
			}
			if now.Info.Data.ID != wrong {
				return fmt.Errorf("vxlan0 on %s has number %d and not %d", d.Node, now.Info.Data.ID, wrong)
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout)
		},
		Heal: healVXLAN,
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "vni-mismatch", Node: d.Node, Network: d.Network, Kind: "link", Name: "vxlan0"})
		},
	}
}

// healVXLAN makes the drawn node's device again as noteVXLAN remembered it.
func healVXLAN(ctx context.Context, l *Lab, d *Draw) error {
	if d.Notes["rows"] == "" {
		return nil
	}
	var port int
	if _, err := fmt.Sscan(d.Notes["port"], &port); err != nil {
		return err
	}
	if err := l.recreateVXLAN(ctx, d, port); err != nil {
		return err
	}
	return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
}
