package lab

import (
	"context"
	"fmt"
	"slices"
)

func dnsNameCollisionAlias() Fault {
	return Fault{
		ID:    "dns-name-collision.alias",
		Doc:   "a second service has the first one's name as an alias on the same network, so the name leads to both",
		Layer: "D",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("other", d.Node, []string{d.Network}, "-http", ":8080")
			s.TaskTemplate.Networks[0].Aliases = []string{d.PeerTask.Service}
			t, err := l.startExtra(ctx, s)
			if err != nil {
				return err
			}
			return l.expectCollision(ctx, d, t)
		},
		Heal: healExtras,
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "dns-name-collision", Network: d.Network, Kind: "service", Name: d.PeerTask.Service})
		},
	}
}

func dnsNameCollisionContainer() Fault {
	return Fault{
		ID:    "dns-name-collision.container",
		Doc:   "a standalone container on the same network is named like a service, so the name leads to both",
		Layer: "D",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.runContainer(ctx, d.Node, d.PeerTask.Service, d.Network, "-http", ":8080"); err != nil {
				return err
			}
			return l.expectCollision(ctx, d, Task{})
		},
		Heal: healExtras,
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "dns-name-collision", Network: d.Network, Kind: "service", Name: d.PeerTask.Service})
		},
	}
}

// expectCollision proves that the drawn backend's service name now leads to one address more, that of intruder if it is known.
func (l *Lab) expectCollision(ctx context.Context, d *Draw, intruder Task) error {
	own, err := l.Running(ctx, d.PeerTask.Service, "")
	if err != nil {
		return err
	}
	found, err := l.expectNames(ctx, d.Task, d.PeerTask.Service, len(own)+1)
	if err == nil && intruder.ID != "" && !slices.Contains(found, intruder.Addrs[d.Network]) {
		err = fmt.Errorf("%s is not among %v", intruder.Name, found)
	}
	return err
}
