package lab

import (
	"context"
	"fmt"
)

func egressForwardDropped() Fault {
	return Fault{
		ID:    "egress-forward-dropped",
		Doc:   "a node's own firewall drops what its containers send to a port outside; the node itself gets there",
		Layer: "B",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			rule := fmt.Sprintf("DOCKER-USER -i docker_gwbridge -p tcp --dport %d -j DROP", Outside.Port())
			if err := l.insertRules(ctx, d, rule); err != nil {
				return err
			}
			return l.expectOutside(ctx, d.Task, Outside, Timeout, Opened)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.deleteRules(ctx, d); err != nil {
				return err
			}
			return l.outsideWell(ctx, d)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.askOutside(OutsideName, Outside.Port(), Cause{ID: "egress-forward-dropped", Node: d.Node})
		},
	}
}
