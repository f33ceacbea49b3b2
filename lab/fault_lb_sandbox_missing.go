package lab

import (
	"context"
	"errors"
	"fmt"
)

// lbSandboxMissing hides the handle of a balancer's namespace and cuts the balancer off. What remains is what a failed
// creation leaves: links and endpoints, and nobody at the virtual IPs.
func lbSandboxMissing() Fault {
	return Fault{
		ID:     "lb-sandbox-missing",
		Doc:    "a node has lost the namespace that balances a network's virtual IPs",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, err := l.balancerNS(ctx, d.Network)
			if err != nil {
				return err
			}
			if err := d.Note("ns", ns); err != nil {
				return err
			}
			hide := fmt.Sprintf(`touch /run/kept; mount --bind /run/docker/netns/%[1]s /run/kept; nsenter --net=/run/kept ip link set eth0 down
umount /run/docker/netns/%[1]s; rm /run/docker/netns/%[1]s`, ns)
			if _, err := l.Exec(ctx, d.Node, "sh", "-ec", hide); err != nil {
				return err
			}
			return errors.Join(l.forgetVIP(ctx, d), l.expectUnbalanced(ctx, d, d.Network, Timeout, Unreachable))
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["ns"] == "" {
				return nil
			}
			show := fmt.Sprintf(`mountpoint -q /run/kept || exit 0; nsenter --net=/run/kept ip link set eth0 up
if ! mountpoint -q /run/docker/netns/%[1]s; then touch /run/docker/netns/%[1]s; mount --bind /run/kept /run/docker/netns/%[1]s; fi
umount /run/kept; rm /run/kept`, d.Notes["ns"])
			if _, err := l.Exec(ctx, d.Node, "sh", "-ec", show); err != nil {
				return err
			}
			return errors.Join(l.forgetVIP(ctx, d), l.expectBalanced(ctx, d, d.Network))
		},
		Want: wantBalance("lb-sandbox-missing", "", "node"),
	}
}
