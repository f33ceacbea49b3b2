package lab

import (
	"context"
	"fmt"
)

func lazyInstantiation() Fault {
	return Fault{
		ID:    "swarm-network-lazy-instantiation",
		Doc:   "a container sits on the bridge of a node where an attachable overlay does not exist, as no task there uses it",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if _, err := l.CreateNetwork(ctx, extra+"net", nil); err != nil {
				return err
			}
			s := l.extraService("api", d.Peer, []string{extra + "net"}, "-http", ":8080")
			if _, err := l.startExtra(ctx, s); err != nil {
				return err
			}
			if err := l.runContainer(ctx, d.Node, extra+"client", "bridge", "-http", ":8080"); err != nil {
				return err
			}
			ns, err := l.OverlayNS(ctx, d.Node, extra+"net")
			if err != nil {
				return err
			}
			if _, err := l.InNS(ctx, d.Node, ns, "true"); err == nil {
				return fmt.Errorf("%s has %snet, although nothing there uses it", d.Node, extra)
			}
			return nil
		},
		Heal: healExtras,
		Want: func(_ *Lab, d *Draw) Want {
			w := d.askExtra("api", Cause{ID: "swarm-network-lazy-instantiation", Node: d.Node, Network: extra + "net",
				Kind: "container", Name: extra + "client"})
			w.From = extra + "client"
			return w
		},
	}
}
