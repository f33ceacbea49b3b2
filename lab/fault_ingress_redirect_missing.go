package lab

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
)

func ingressAccept() Fault {
	return Fault{
		ID:     "ingress-redirect-missing",
		Doc:    "one task's namespace does not let in its service's published port",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, err := l.TaskNS(ctx, d.PeerTask)
			if err != nil {
				return err
			}
			if err := l.keepTables(ctx, d, d.Peer, ns, "filter"); err != nil {
				return err
			}
			if err := l.dropRules(ctx, d.Peer, ns, "filter", "INPUT", fmt.Sprintf("--dport %d .*-j ACCEPT", d.Port)); err != nil {
				return err
			}
			return l.meshBroken(ctx, d)
		},
		Heal: healTables,
		Want: func(_ *Lab, d *Draw) Want {
			return d.askMesh(Cause{ID: "ingress-redirect-missing", Node: d.Peer, Kind: "task", Name: d.PeerTask.Name})
		},
	}
}

func ingressRedirect() Fault {
	const port = 18090
	return Fault{
		ID:     "ingress-redirect-missing.redirect",
		Doc:    "the only task of a service does not lead the published port to the one it listens on",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			t, err := l.startPublished(ctx, d, d.Peer, port)
			if err != nil {
				return err
			}
			ns, err := l.TaskNS(ctx, t)
			if err != nil {
				return err
			}
			if err := l.dropRules(ctx, d.Peer, ns, "nat", "PREROUTING", fmt.Sprintf("--dport %d .*-j REDIRECT", port)); err != nil {
				return err
			}
			return l.expectMesh(ctx, d.Peer, d.Node, port, false)
		},
		Heal: healExtras,
		Want: func(_ *Lab, d *Draw) Want {
			return Want{On: d.Node, To: fmt.Sprintf(":%d", port), Causes: []Cause{{ID: "ingress-redirect-missing", Node: d.Peer, Kind: "task", Name: d.Notes["task"]}}}
		},
	}
}

// startPublished starts an added service of one task that publishes a port through the routing mesh, and waits until the
// drawn node answers for it.
func (l *Lab) startPublished(ctx context.Context, d *Draw, node string, port int) (Task, error) {
	s := l.extraService("api", node, []string{d.Network}, "-http", ":8080")
	s.EndpointSpec = &swarm.EndpointSpec{Mode: swarm.ResolutionModeVIP, Ports: []swarm.PortConfig{
		{Protocol: network.TCP, TargetPort: 8080, PublishedPort: uint32(port), PublishMode: swarm.PortConfigPublishModeIngress}}}
	t, err := l.startExtra(ctx, s)
	if err != nil {
		return t, err
	}
	if err := d.noteTask(t); err != nil {
		return t, err
	}
	return t, l.expectMesh(ctx, d.Peer, d.Node, port, true)
}
