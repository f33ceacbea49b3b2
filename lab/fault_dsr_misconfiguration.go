package lab

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/moby/moby/api/types/swarm"
)

func dsrMisconfiguration() Fault {
	return Fault{
		ID:     "dsr-misconfiguration",
		Doc:    "on a network with direct server return a task has lost its virtual IP from lo",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if _, err := l.CreateNetwork(ctx, extra+"net", map[string]string{"dsr": ""}); err != nil {
				return err
			}
			var tasks []Task
			for _, name := range []string{"api", "web"} {
				s := l.extraService(name, d.Node, []string{extra + "net"}, "-http", ":8080")
				s.EndpointSpec.Mode = swarm.ResolutionModeVIP
				t, err := l.startExtra(ctx, s)
				if err != nil {
					return err
				}
				tasks = append(tasks, t)
			}
			if err := d.noteTask(tasks[0]); err != nil {
				return err
			}
			if _, err := l.expectNames(ctx, tasks[1], extra+"api", 1); err != nil {
				return err
			}
			ip, err := l.vip(ctx, extra+"api", extra+"net")
			if err != nil {
				return err
			}
			to := netip.AddrPortFrom(ip, uint16(d.Port))
			if err := l.expectConnect(ctx, tasks[1], to, 10e9, Opened); err != nil {
				return fmt.Errorf("before anything is broken: %w", err)
			}
			ns, err := l.TaskNS(ctx, tasks[0])
			if err != nil {
				return err
			}
			if _, err := l.InNS(ctx, d.Node, ns, "ip", "addr", "del", ip.String()+"/32", "dev", "lo"); err != nil {
				return err
			}
			return l.expectConnect(ctx, tasks[1], to, 8e9, Timeout, Unreachable, Refused)
		},
		Heal: healExtras,
		Want: func(_ *Lab, d *Draw) Want {
			return Want{On: d.Node, From: extra + "web", To: fmt.Sprintf("%sapi:%d", extra, d.Port),
				Causes: []Cause{{ID: "dsr-misconfiguration", Node: d.Node, Network: extra + "net", Kind: "task", Name: d.Notes["task"]}}}
		},
	}
}
