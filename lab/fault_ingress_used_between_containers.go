package lab

import (
	"context"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
)

func ingressBetween() Fault {
	return Fault{
		ID:    "ingress-used-between-containers",
		Doc:   "two services publish ports through the routing mesh and have no other network in common",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			published := func(s *swarm.ServiceSpec, port uint32) {
				s.EndpointSpec.Mode = swarm.ResolutionModeVIP // the routing mesh takes no other
				s.EndpointSpec.Ports = []swarm.PortConfig{{Protocol: network.TCP, TargetPort: 8080, PublishedPort: port, PublishMode: swarm.PortConfigPublishModeIngress}}
			}
			if _, err := l.CreateNetwork(ctx, extra+"net", nil); err != nil {
				return err
			}
			api := l.extraService("api", d.Node, []string{extra + "net"}, "-http", ":8080")
			published(&api, 18081)
			if _, err := l.startExtra(ctx, api); err != nil {
				return err
			}
			web := l.extraService("web", d.Node, []string{d.Network}, "-http", ":8080")
			published(&web, 18082)
			task, err := l.startExtra(ctx, web)
			if err != nil {
				return err
			}
			return l.expectNoName(ctx, task, api.Name)
		},
		Heal: healExtras,
		Want: func(l *Lab, d *Draw) Want {
			w := wantExtraService("ingress-used-between-containers")(l, d)
			w.From = extra + "web"
			return w
		},
	}
}
