package lab

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

func ipvsKernelMissing() Fault {
	return Fault{
		ID:     "ipvs-kernel-missing",
		Kernel: lacksIPVS,
		Doc:    "a service has a virtual address, and the node's kernel has no IPVS to serve it",
		Layer:  "K",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if l.IPVS {
				return errors.New("this kernel has IPVS")
			}
			s := l.extraService("api", d.Node, []string{d.Network}, "-http", ":8080")
			s.EndpointSpec.Mode = swarm.ResolutionModeVIP
			if _, err := l.startAndExpect(ctx, d, s, Opened); err != nil {
				return err
			}
			vip, err := l.expectNames(ctx, d.Task, s.Name, 1)
			if err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, netip.AddrPortFrom(vip[0], uint16(d.Port)), 8*time.Second, Timeout, Unreachable)
		},
		Heal: healExtras,
		Want: func(_ *Lab, d *Draw) Want {
			return d.askExtra("api", Cause{ID: "ipvs-kernel-missing", Kind: "service", Name: extra + "api"})
		},
	}
}
