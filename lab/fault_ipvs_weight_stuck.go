package lab

import (
	"context"
	"fmt"
)

func ipvsWeightStuck(id, network string) Fault {
	return Fault{
		ID:     id,
		Doc:    "a node's load balancer gives a running task weight 0, for a virtual IP or a published port",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, _, mark, err := l.marking(ctx, d, d.place(network))
			if err != nil {
				return err
			}
			backend := fmt.Sprintf("ipvsadm -e -f %d -r %s:0 -m -w ", mark, d.PeerTask.Addrs[d.place(network)])
			if err := l.rebalance(ctx, d, ns, []string{backend + "0"}, []string{backend + "1"}); err != nil {
				return err
			}
			return l.expectIPVS(ctx, d, ns, fmt.Sprintf("-r %s:0 -m -w 0", d.PeerTask.Addrs[d.place(network)]), true)
		},
		Heal: healBalance(network),
		Want: func(l *Lab, d *Draw) Want {
			w := wantBalance("ipvs-weight-stuck", network, "task")(l, d)
			w.Causes[0].Name = d.PeerTask.Name
			return w
		},
	}
}
