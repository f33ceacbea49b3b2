package lab

import (
	"context"
	"fmt"
	"net/netip"
)

func ipvsDestStale(id, network string) Fault {
	return Fault{
		ID:     id,
		Doc:    "a node's load balancer leads a virtual IP or a published port also to an address that nobody has",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, _, mark, err := l.marking(ctx, d, d.place(network))
			if err != nil {
				return err
			}
			at := d.PeerTask.Addrs[d.place(network)].As4()
			at[3] = byte(200 + d.rng.IntN(50)) // the managers give out low addresses first
			backend := fmt.Sprintf("-f %d -r %s:0", mark, netip.AddrFrom4(at))
			err = l.rebalance(ctx, d, ns, []string{"ipvsadm -a " + backend + " -m -w 1"}, []string{"! ipvsadm -d " + backend + " 2>/dev/null || true"})
			if err != nil {
				return err
			}
			return l.expectUnbalanced(ctx, d, d.place(network), Timeout, Unreachable)
		},
		Heal: healBalance(network),
		Want: wantBalance("ipvs-dest-stale", network, "service"),
	}
}
