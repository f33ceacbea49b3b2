package lab

import (
	"context"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

func placementConstraint() Fault {
	return Fault{
		ID:    "availability-or-placement.constraint",
		Doc:   "a service asks for a node label that no node has, so its task waits for ever",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Node, []string{d.Network}, "-http", ":8080")
			s.TaskTemplate.Placement.Constraints = []string{"node.labels.rack==" + Pick(d, []string{"a7", "b2", "c1"})}
			if err := l.CreateService(ctx, s); err != nil {
				return err
			}
			return l.expectNoSuitableNode(ctx, s.Name)
		},
		Heal: healExtras,
		Want: wantExtraService("availability-or-placement"),
	}
}

func placementDrained() Fault {
	return Fault{
		ID:     "availability-or-placement.drained",
		Doc:    "a service may run on one node only, and that node is drained",
		Layer:  "O",
		Renews: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Peer, []string{d.Network}, "-http", ":8080")
			front := l.extraService("web", d.Node, []string{d.Network}, "-http", ":8080")
			if _, err := l.startExtra(ctx, front); err != nil { // web itself loses a task by the draining
				return err
			}
			if err := l.SetAvailability(ctx, d.Peer, swarm.NodeAvailabilityDrain); err != nil {
				return err
			}
			if err := l.CreateService(ctx, s); err != nil {
				return err
			}
			return l.expectNoSuitableNode(ctx, s.Name)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.SetAvailability(ctx, d.Peer, swarm.NodeAvailabilityActive); err != nil {
				return err
			}
			if err := l.removeExtras(ctx); err != nil {
				return err
			}
			return l.Settle(ctx, time.Minute)
		},
		Want: func(_ *Lab, d *Draw) Want {
			w := d.askExtra("api", Cause{ID: "availability-or-placement", Kind: "service", Name: extra + "api"})
			w.From, w.Unseen = extra+"web", []string{d.Peer} // no agent runs there
			return w
		},
	}
}

// expectNoSuitableNode waits until the scheduler has said that it finds no node for a service.
func (l *Lab) expectNoSuitableNode(ctx context.Context, service string) error {
	_, err := l.waitTask(ctx, service, "has no suitable node", func(t swarm.Task) bool {
		return t.Status.State == swarm.TaskStatePending && strings.Contains(t.Status.Err, "no suitable node")
	})
	return err
}
