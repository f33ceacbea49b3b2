package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

// ipvsUDPSticky replaces the only task of a UDP service while a sender's flow is remembered, and the node's balancer does not
// forget flows whose backend is gone.
func ipvsUDPSticky() Fault {
	const port = 5140
	return Fault{
		ID:     "ipvs-udp-sticky-blackhole",
		Doc:    "the task of a UDP service was replaced, and a node's load balancer keeps a sender's flow for the old one",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, err := l.balancerNS(ctx, d.Network)
			if err != nil {
				return err
			}
			const key = "/proc/sys/net/ipv4/vs/expire_nodest_conn"
			was, err := l.InNS(ctx, d.Node, ns, "cat", key)
			if err != nil {
				return err
			}
			if err := l.rebalance(ctx, d, ns, []string{"echo 0 > " + key}, []string{"echo " + strings.TrimSpace(was) + " > " + key}); err != nil {
				return err
			}
			s := l.extraService("api", d.Peer, []string{d.Network}, "-udp", fmt.Sprintf(":%d", port))
			s.EndpointSpec.Mode = swarm.ResolutionModeVIP
			old, err := l.startExtra(ctx, s)
			if err != nil {
				return err
			}
			vip, err := l.expectNames(ctx, d.Task, s.Name, 1)
			if err != nil {
				return err
			}
			from, err := l.TaskNS(ctx, d.Task)
			if err != nil {
				return err
			}
			send := fmt.Sprintf("exec 3<>/dev/udp/%s/%d; echo x >&3; read -t 1 -u 3 answer; echo got $answer", vip[0], port)
			if err := poll(ctx, 20*time.Second, "a datagram to be answered", func() (bool, error) {
				out, err := l.InNS(ctx, d.Node, from, "bash", "-c", send)
				return strings.Contains(out, "got x"), err
			}); err != nil {
				return err
			}
			if err := l.ForceUpdate(ctx, s.Name); err != nil {
				return err
			}
			if err := l.Settle(ctx, 60*time.Second); err != nil {
				return err
			}
			return l.expectStranded(ctx, d, ns, old.Addrs[d.Network].String())
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.removeExtras(ctx); err != nil || d.Notes["undo"] == "" {
				return err
			}
			_, err := l.InNS(ctx, d.Node, d.Notes["ns"], "sh", "-ec", d.Notes["undo"])
			return err
		},
		Want: func(_ *Lab, d *Draw) Want {
			return Want{On: d.Node, From: "web", To: fmt.Sprintf("%sapi:%d/udp", extra, port),
				Causes: []Cause{{ID: "ipvs-udp-sticky-blackhole", Node: d.Node, Network: d.Network}}}
		},
	}
}

// expectStranded waits until a backend is gone from a balancer and a flow still leads there.
func (l *Lab) expectStranded(ctx context.Context, d *Draw, ns, backend string) error {
	err := poll(ctx, 60*time.Second, "the old task to leave the load balancer", func() (bool, error) {
		out, err := l.InNS(ctx, d.Node, ns, "ipvsadm", "-Sn")
		return err == nil && !strings.Contains(out, backend+":"), err
	})
	if err != nil {
		return err
	}
	out, err := l.InNS(ctx, d.Node, ns, "ipvsadm", "-Lcn")
	if err == nil && !strings.Contains(out, backend+":") {
		err = fmt.Errorf("no flow in %s on %s leads to %s: %s", ns, d.Node, backend, out)
	}
	return err
}
