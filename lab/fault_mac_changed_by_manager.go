package lab

import (
	"context"
	"fmt"
	"time"
)

func macChanged() Fault {
	return Fault{
		ID:    "mac-changed-by-manager",
		Doc:   "something gave a task's interface another MAC address than the engine told everybody",
		Layer: "B",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, dev, err := l.taskDevice(ctx, d.Task, d.Network)
			if err != nil {
				return err
			}
			if err := d.Note("undo", fmt.Sprintf("ip link set %s address %s", dev.Name, dev.MAC)); err != nil {
				return err
			}
			wrong := fmt.Sprintf("06:00:%02x:%02x:%02x:%02x", d.rng.IntN(256), d.rng.IntN(256), d.rng.IntN(256), d.rng.IntN(256))
			if _, err := l.InNS(ctx, d.Node, ns, "ip", "link", "set", dev.Name, "address", wrong); err != nil {
				return err
			}
			if _, dev, err = l.taskDevice(ctx, d.Task, d.Network); err == nil && dev.MAC != wrong {
				err = fmt.Errorf("%s of %s has %s and not %s", dev.Name, d.Task.Name, dev.MAC, wrong)
			}
			if err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := undoInTask(ctx, l, d); err != nil || d.Notes["undo"] == "" {
				return err
			}
			if err := l.forget(ctx, d.Node, d.Network, d.Task.Addrs[d.Network]); err != nil { // or its neighbours go on with the wrong one
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "mac-changed-by-manager", Node: d.Node, Network: d.Network, Kind: "task", Name: d.Task.Name})
		},
	}
}
