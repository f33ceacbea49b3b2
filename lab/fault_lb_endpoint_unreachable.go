package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

func lbEndpointUnreachable() Fault {
	return Fault{
		ID:     "lb-endpoint-unreachable",
		Doc:    "the link of a node's load balancer is down, or has left the bridge of its network",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, err := l.balancerNS(ctx, d.Network)
			if err != nil {
				return err
			}
			port, err := l.balancerPort(ctx, d, ns)
			if err != nil {
				return err
			}
			overlay, err := l.OverlayNS(ctx, d.Node, d.Network)
			if err != nil {
				return err
			}
			do, undo := "ip link set eth0 down", "ip link set eth0 up"
			if Pick(d, []string{"inner", "outer"}) == "outer" {
				ns, do, undo = overlay, fmt.Sprintf("ip link set %s nomaster", port), fmt.Sprintf("ip link set %s master br0", port)
			}
			if err := l.rebalance(ctx, d, ns, []string{do}, []string{undo}); err != nil {
				return err
			}
			return errors.Join(l.forgetVIP(ctx, d), l.expectUnbalanced(ctx, d, d.Network, Timeout, Unreachable))
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			return errors.Join(l.forgetVIP(ctx, d), healBalance("")(ctx, l, d))
		},
		Want: wantBalance("lb-endpoint-unreachable", "", "link"),
	}
}

// forgetVIP makes the tasks of the drawn node forget the virtual IP's hardware address.
func (l *Lab) forgetVIP(ctx context.Context, d *Draw) error {
	ip, err := l.vip(ctx, d.PeerTask.Service, d.Network)
	if err != nil {
		return err
	}
	return l.forget(ctx, d.Node, d.Network, ip)
}

// balancerPort finds the bridge port in the overlay's namespace that is the other end of a balancer's eth0.
func (l *Lab) balancerPort(ctx context.Context, d *Draw, ns string) (string, error) {
	out, err := l.InNS(ctx, d.Node, ns, "ip", "-j", "link", "show", "eth0")
	if err != nil {
		return "", err
	}
	inside, err := readLinks(out)
	if err != nil || len(inside) != 1 {
		return "", errors.Join(err, fmt.Errorf("%d links eth0 in %s", len(inside), ns))
	}
	if out, err = l.InOverlay(ctx, d.Node, d.Network, "ip", "-j", "link", "show", "type", "veth"); err != nil {
		return "", err
	}
	ports, err := readLinks(out)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(ports, func(k link) bool { return k.Peer == inside[0].Index })
	if i < 0 {
		return "", fmt.Errorf("no port of %s on %s belongs to %s: %s", d.Network, d.Node, ns, strings.TrimSpace(out))
	}
	return ports[i].Name, nil
}
