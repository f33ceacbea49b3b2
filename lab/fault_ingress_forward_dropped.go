package lab

import (
	"context"
	"fmt"
)

func ingressForwardDropped() Fault {
	return Fault{
		ID:     "ingress-forward-dropped",
		Doc:    "a rule of the operator in DOCKER-USER of a node drops or rejects a published port",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: breakRules("", "filter", func(ctx context.Context, l *Lab, d *Draw) error {
			target := Pick(d, []string{"DROP", "REJECT"})
			_, err := l.Exec(ctx, d.Node, "iptables", "-w", "-I", "DOCKER-USER", "-p", "tcp", "--dport", fmt.Sprint(d.Port), "-j", target)
			return err
		}),
		Heal: healTables,
		Want: wantMesh("ingress-forward-dropped"),
	}
}
