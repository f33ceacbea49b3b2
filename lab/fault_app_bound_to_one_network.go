package lab

import (
	"context"
	"time"

	"github.com/moby/moby/client"
)

func appBoundToOneNetwork() Fault {
	return Fault{
		ID:    "app-bound-to-one-network",
		Doc:   "a task is on two networks, and its program listens on its address of one of them only",
		Layer: "A",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if _, err := l.CreateNetwork(ctx, extra+"net", nil); err != nil {
				return err
			}
			subnet, err := l.subnet(ctx, extra+"net")
			if err != nil {
				return err
			}
			s := l.extraService("api", d.Node, []string{d.Network, extra + "net"}, "-http", ":8080", "-bind-network", subnet)
			_, err = l.startAndExpect(ctx, d, s, Refused)
			return err
		},
		Heal: healExtras,
		Want: wantExtraTask("app-bound-to-one-network"),
	}
}

// subnet is the first subnet of an overlay.
func (l *Lab) subnet(ctx context.Context, network string) (string, error) {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return "", err
	}
	var found string
	err = poll(ctx, 10*time.Second, "the managers to give a subnet to "+network, func() (bool, error) {
		res, err := api.NetworkInspect(ctx, network, client.NetworkInspectOptions{Scope: "swarm"})
		if err != nil || len(res.Network.IPAM.Config) == 0 {
			return false, err
		}
		found = res.Network.IPAM.Config[0].Subnet.String()
		return true, nil
	})
	return found, err
}
