package lab

import (
	"context"
	"fmt"
	"strings"
)

// ipvsIdleTimeout makes the balancer forget sooner than the kernel's 900 s, which every Swarm has and which are no cause.
func ipvsIdleTimeout() Fault {
	return Fault{
		ID:     "ipvs-idle-timeout-900",
		Doc:    "a node's load balancer forgets idle connections after 30 s, and its clients' keepalive begins after two hours",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, err := l.balancerNS(ctx, d.Network)
			if err != nil {
				return err
			}
			if err := l.rebalance(ctx, d, ns, []string{"ipvsadm --set 30 0 0"}, []string{"ipvsadm --set 900 120 300"}); err != nil {
				return err
			}
			out, err := l.InNS(ctx, d.Node, ns, "ipvsadm", "-L", "--timeout")
			if err == nil && !strings.Contains(out, " 30 120 300") {
				err = fmt.Errorf("the timeouts of %s on %s: %s", ns, d.Node, out)
			}
			return err
		},
		Heal: healBalance("app"),
		Want: wantBalance("ipvs-idle-timeout-900", "app", "node"),
	}
}
