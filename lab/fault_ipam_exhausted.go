package lab

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

func ipamExhausted() Fault {
	return Fault{
		ID:    "ipam-exhausted",
		Doc:   "a service is on a network that has fewer addresses than it needs: a task stays new, the others do not start",
		Layer: "C",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			api, _, err := l.Manager(ctx)
			if err != nil {
				return err
			}
			ipam := &network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.MustParsePrefix("10.99.0.0/29")}}}
			if _, err := api.NetworkCreate(ctx, extra+"tiny", client.NetworkCreateOptions{Driver: "overlay", IPAM: ipam}); err != nil {
				return fmt.Errorf("create network %stiny: %w", extra, err)
			}
			s := l.EchoService(extra+"api", 6, []string{d.Network, extra + "tiny"}, "-http", ":8080")
			s.TaskTemplate.Placement.MaxReplicas = 0
			if err := l.CreateService(ctx, s); err != nil {
				return err
			}
			// Five addresses are free, less those of the nodes: the sixth task waits for one.
			_, err = l.waitTask(ctx, s.Name, "waits for an address", func(t swarm.Task) bool {
				return t.Status.State == swarm.TaskStateNew && len(t.NetworksAttachments) == 0
			})
			return err
		},
		Heal: healExtras,
		Want: func(_ *Lab, d *Draw) Want {
			return d.askExtra("api", Cause{ID: "ipam-exhausted", Network: extra + "tiny", Kind: "network", Name: extra + "tiny"})
		},
	}
}
