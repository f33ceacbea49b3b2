package lab

import (
	"context"
	"fmt"
	"time"
)

func duplicateIP() Fault {
	return Fault{
		ID:    "duplicate-ip-or-vip",
		Doc:   "a task holds, beside its own, the address of a task on another node",
		Layer: "X",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			thieves, err := l.Running(ctx, d.PeerTask.Service, d.Node)
			if err != nil {
				return err
			}
			if len(thieves) == 0 {
				return fmt.Errorf("%s has no task of %s", d.Node, d.PeerTask.Service)
			}
			thief := Pick(d, thieves)
			ns, dev, err := l.taskDevice(ctx, thief, d.Network)
			if err != nil {
				return err
			}
			if err := d.noteTask(thief); err != nil {
				return err
			}
			address := fmt.Sprintf("%s/24 dev %s", d.target().Addr(), dev.Name)
			if err := d.Note("ns", ns); err != nil {
				return err
			}
			if err := d.Note("address", address); err != nil {
				return err
			}
			if _, err := l.InNS(ctx, d.Node, ns, "sh", "-ec", "ip addr add "+address); err != nil {
				return err
			}
			if _, dev, err = l.taskDevice(ctx, thief, d.Network); err == nil && !dev.has(d.target().Addr()) {
				err = fmt.Errorf("%s did not take %s", thief.Name, d.target().Addr())
			}
			return err
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["address"] == "" {
				return nil
			}
			_, err := l.InNS(ctx, d.Node, d.Notes["ns"], "sh", "-c", "ip addr del "+d.Notes["address"]+" 2>/dev/null || true")
			if err != nil {
				return err
			}
			if err := l.forget(ctx, d.Node, d.Network, d.target().Addr()); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "duplicate-ip-or-vip", Node: d.Node, Network: d.Network, Kind: "task", Name: d.Notes["task"]})
		},
	}
}
