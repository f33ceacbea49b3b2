package lab

import (
	"context"
	"fmt"
)

func ingressPortConflict() Fault {
	const port = 18091
	return Fault{
		ID:     "ingress-port-conflict-host",
		Doc:    "a program of a node's host listens on a port that a service publishes since",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			// Not root, as which it would look like the engine's own socket to who does not see the host's processes.
			_, err := l.Exec(ctx, d.Node, "docker", "run", "-d", "--name", extra+"rival", "--label", "fairway.lab=extra", "--network", "host",
				"--user", "65534", echoImage, "/echo", "-http", fmt.Sprintf(":%d", port))
			if err != nil {
				return err
			}
			if err := l.expectMesh(ctx, d.Peer, d.Node, port, true); err != nil { // the rival answers
				return err
			}
			if _, err := l.startPublished(ctx, d, d.Peer, port); err != nil {
				return err
			}
			_, err = l.Exec(ctx, d.Node, "sh", "-ec", fmt.Sprintf("! ss -Hltnp 'sport = :%d' | grep dockerd", port))
			return err
		},
		Heal: healExtras,
		Want: func(_ *Lab, d *Draw) Want {
			return Want{On: d.Node, To: fmt.Sprintf(":%d", port), Causes: []Cause{{ID: "ingress-port-conflict-host", Node: d.Node}}}
		},
	}
}
