package lab

import (
	"context"
	"fmt"
)

func lbVIPNotProgrammed() Fault {
	return Fault{
		ID:     "lb-vip-not-programmed",
		Doc:    "a node's load balancer lacks a virtual IP's address, or the virtual service behind it",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, _, mark, err := l.marking(ctx, d, d.Network)
			if err != nil {
				return err
			}
			ip, err := l.vip(ctx, d.PeerTask.Service, d.Network)
			if err != nil {
				return err
			}
			services, err := l.InNS(ctx, d.Node, ns, "ipvsadm", "-Sn")
			if err != nil {
				return err
			}
			do := Pick(d, []string{fmt.Sprintf("ip addr del %s/32 dev eth0", ip), fmt.Sprintf("ipvsadm -D -f %d", mark)})
			undo := []string{fmt.Sprintf("ip addr add %s/32 dev eth0 2>/dev/null || true", ip), "ipvsadm -C", "ipvsadm -R <<'END'\n" + services + "END"}
			if err := l.rebalance(ctx, d, ns, []string{do}, undo); err != nil {
				return err
			}
			if err := l.forget(ctx, d.Node, d.Network, ip); err != nil {
				return err
			}
			return l.expectUnbalanced(ctx, d, d.Network, Refused, Timeout, Unreachable)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if ip, err := l.vip(ctx, d.PeerTask.Service, d.Network); err == nil {
				defer func() { _ = l.forget(ctx, d.Node, d.Network, ip) }()
			}
			return healBalance("")(ctx, l, d)
		},
		Want: wantBalance("lb-vip-not-programmed", "", ""),
	}
}
