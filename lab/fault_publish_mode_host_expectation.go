package lab

import (
	"context"
	"net/netip"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
)

func publishModeHost() Fault {
	const port = 18088
	return Fault{
		ID:    "publish-mode-host-expectation",
		Doc:   "a service with one task publishes a port in host mode, and every node is asked for it",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Node, []string{d.Network}, "-http", ":8080")
			s.EndpointSpec.Ports = []swarm.PortConfig{{Protocol: network.TCP, TargetPort: 8080, PublishedPort: port, PublishMode: swarm.PortConfigPublishModeHost}}
			if _, err := l.startExtra(ctx, s); err != nil {
				return err
			}
			for name, want := range map[string]Outcome{d.Node: Opened, d.Peer: Refused} {
				n, err := l.Node(name)
				if err != nil {
					return err
				}
				if err := l.expectConnect(ctx, d.Task, netip.AddrPortFrom(netip.MustParseAddr(n.Addr), port), 5*time.Second, want); err != nil {
					return err
				}
			}
			return l.Settle(ctx, 30*time.Second)
		},
		Heal: healExtras,
		Want: func(_ *Lab, d *Draw) Want {
			return Want{On: d.Node, To: ":18088", Causes: []Cause{{ID: "publish-mode-host-expectation", Kind: "service", Name: extra + "api"}}}
		},
	}
}
