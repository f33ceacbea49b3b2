package lab

import (
	"context"
	"fmt"
)

// ipvsDestMissing: two thirds of the connections are answered as before, so nothing fails.
func ipvsDestMissing(id, network string) Fault {
	return Fault{
		ID:     id,
		Doc:    "a node's load balancer has lost a running task: of its virtual IP on a user network, or of a published port",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, _, mark, err := l.marking(ctx, d, d.place(network))
			if err != nil {
				return err
			}
			at := d.PeerTask.Addrs[d.place(network)]
			undo := fmt.Sprintf("ipvsadm -a -f %d -r %s:0 -m -w 1 2>/dev/null || ipvsadm -e -f %[1]d -r %[2]s:0 -m -w 1", mark, at)
			if err := l.rebalance(ctx, d, ns, []string{fmt.Sprintf("ipvsadm -d -f %d -r %s:0", mark, at)}, []string{undo}); err != nil {
				return err
			}
			return l.expectIPVS(ctx, d, ns, fmt.Sprintf("-f %d -r %s:", mark, at), false)
		},
		Heal: healBalance(network),
		Want: func(l *Lab, d *Draw) Want {
			w := wantBalance("ipvs-dest-missing", network, "task")(l, d)
			w.Causes[0].Name = d.PeerTask.Name
			return w
		},
	}
}
