package lab

import (
	"context"
	"fmt"
	"time"
)

func fdbMissing() Fault {
	return Fault{
		ID:    "fdb-missing",
		Doc:   "a node has lost the FDB row of one remote task: it resolves and its neighbour is known, but frames go nowhere",
		Layer: "X",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.noteRow(ctx, d); err != nil {
				return err
			}
			_, err := l.InOverlay(ctx, d.Node, d.Network, "bridge", "fdb", "del", d.Notes["mac"], "dev", "vxlan0",
				"dst", d.Notes["vtep"], "self")
			if err != nil {
				return err
			}
			if _, _, err := l.peerRow(ctx, d.Node, d.Network, d.target().Addr()); err == nil {
				return fmt.Errorf("the FDB row of %s is still there", d.Notes["mac"])
			}
			return l.expectConnect(ctx, d.Task, d.target(), 5*time.Second, Timeout)
		},
		Heal: healRow,
		Want: wantPeerTask("fdb-missing"),
	}
}

// noteRow remembers how the drawn node reaches the drawn backend.
func (l *Lab) noteRow(ctx context.Context, d *Draw) error {
	mac, vtep, err := l.peerRow(ctx, d.Node, d.Network, d.target().Addr())
	if err != nil {
		return err
	}
	if err := d.Note("mac", mac); err != nil {
		return err
	}
	return d.Note("vtep", vtep.String())
}

// healRow writes back what noteRow remembered, and proves that the backend answers.
func healRow(ctx context.Context, l *Lab, d *Draw) error {
	if d.Notes["vtep"] == "" { // nothing was changed yet
		return nil
	}
	ip := d.target().Addr()
	err := l.overlayLines(ctx, d.Node, d.Network, []string{
		fmt.Sprintf("ip neigh replace %s lladdr %s dev vxlan0 nud permanent", ip, d.Notes["mac"]),
		fmt.Sprintf("bridge fdb replace %s dev vxlan0 dst %s self permanent", d.Notes["mac"], d.Notes["vtep"]),
	})
	if err != nil {
		return err
	}
	if err := l.forget(ctx, d.Node, d.Network, ip); err != nil {
		return err
	}
	return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
}

// wantPeerTask expects one cause on the drawn node, about the drawn backend.
func wantPeerTask(id string) func(*Lab, *Draw) Want {
	return func(_ *Lab, d *Draw) Want {
		return d.ask(Cause{ID: id, Node: d.Node, Network: d.Network, Kind: "task", Name: d.PeerTask.Name, Peer: d.Peer})
	}
}
