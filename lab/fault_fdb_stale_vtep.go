package lab

import (
	"context"
	"fmt"
	"time"
)

func fdbStaleVTEP() Fault {
	return Fault{
		ID:    "fdb-stale-vtep",
		Doc:   "a node's FDB row of one remote task points to a node where that task is not",
		Layer: "X",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.noteRow(ctx, d); err != nil {
				return err
			}
			wrong := l.wrongVTEP(d)
			_, err := l.InOverlay(ctx, d.Node, d.Network, "bridge", "fdb", "replace", d.Notes["mac"], "dev", "vxlan0",
				"dst", wrong, "self", "permanent")
			if err != nil {
				return err
			}
			_, now, err := l.peerRow(ctx, d.Node, d.Network, d.target().Addr())
			if err != nil {
				return err
			}
			if now.String() != wrong {
				return fmt.Errorf("the FDB row of %s leads to %s and not to %s", d.Notes["mac"], now, wrong)
			}
			return l.expectConnect(ctx, d.Task, d.target(), 5*time.Second, Timeout)
		},
		Heal: healRow,
		Want: wantPeerTask("fdb-stale-vtep"),
	}
}

// wrongVTEP is another node that is neither end; in a lab of two nodes an address that nobody has.
func (l *Lab) wrongVTEP(d *Draw) string {
	others := []string{}
	for _, n := range l.Nodes {
		if n.Name != d.Node && n.Name != d.Peer {
			others = append(others, n.Addr)
		}
	}
	if len(others) == 0 {
		return addr(len(l.Nodes) + 1)
	}
	return Pick(d, others)
}
