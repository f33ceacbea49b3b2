package lab

import (
	"context"
	"fmt"

	"github.com/moby/moby/client"
)

func internalNetwork() Fault {
	return Fault{
		ID:    "internal-network-no-egress",
		Doc:   "a service is on an internal network only, which no way leads out of",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			api, _, err := l.Manager(ctx)
			if err != nil {
				return err
			}
			_, err = api.NetworkCreate(ctx, extra+"inner", client.NetworkCreateOptions{Driver: "overlay", Attachable: true, Internal: true})
			if err != nil {
				return fmt.Errorf("create network %sinner: %w", extra, err)
			}
			t, err := l.startExtra(ctx, l.extraService("inner", d.Node, []string{extra + "inner"}))
			if err != nil {
				return err
			}
			ns, err := l.TaskNS(ctx, t)
			if err != nil {
				return err
			}
			if out, err := l.InNS(ctx, d.Node, ns, "ip", "route", "get", Outside.Addr().String()); err == nil {
				return fmt.Errorf("%s has a way out: %s", t.Name, out)
			}
			return l.expectLeaving(ctx, t, Outside, Unreachable, Opened)
		},
		Heal: func(ctx context.Context, l *Lab, _ *Draw) error {
			if err := l.removeExtras(ctx); err != nil {
				return err
			}
			return l.forgetSaid(ctx) // that name servers could not be asked
		},
		Want: func(_ *Lab, d *Draw) Want {
			w := d.askOutside(OutsideName, Outside.Port(), Cause{ID: "internal-network-no-egress"})
			w.From = extra + "inner"
			return w
		},
	}
}
