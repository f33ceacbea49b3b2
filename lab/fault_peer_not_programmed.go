package lab

import (
	"context"
	"fmt"
	"strings"
	"time"
)

func peerNotProgrammed() Fault {
	return Fault{
		ID:    "peer-not-programmed",
		Doc:   "a node has no row at all of one peer: all its tasks resolve and none can be reached",
		Layer: "X",
		Break: breakPeer,
		Heal:  healPeer,
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "peer-not-programmed", Node: d.Node, Network: d.Network, Peer: d.Peer})
		},
	}
}

// breakPeer removes every row that leads to the drawn peer, and remembers the commands that bring them back.
func breakPeer(ctx context.Context, l *Lab, d *Draw) error {
	peer, err := l.Node(d.Peer)
	if err != nil {
		return err
	}
	fdb, err := l.FDB(ctx, d.Node, d.Network)
	if err != nil {
		return err
	}
	neighbours, err := l.Neighbours(ctx, d.Node, d.Network)
	if err != nil {
		return err
	}
	var del, add []string
	gone := map[string]bool{}
	for _, r := range fdb {
		if r.VTEP.String() == peer.Addr {
			gone[r.MAC] = true
			del = append(del, fmt.Sprintf("bridge fdb del %s dev vxlan0 dst %s self", r.MAC, r.VTEP))
			add = append(add, fmt.Sprintf("bridge fdb replace %s dev vxlan0 dst %s self permanent", r.MAC, r.VTEP))
		}
	}
	for _, n := range neighbours {
		if gone[n.MAC] {
			del = append(del, fmt.Sprintf("ip neigh del %s dev vxlan0", n.IP))
			add = append(add, fmt.Sprintf("ip neigh replace %s lladdr %s dev vxlan0 nud permanent", n.IP, n.MAC))
		}
	}
	if len(del) < 2 {
		return fmt.Errorf("%s has no rows of %s on %s", d.Node, d.Peer, d.Network)
	}
	if err := d.Note("rows", strings.Join(add, "\n")); err != nil {
		return err
	}
	if err := l.overlayLines(ctx, d.Node, d.Network, del); err != nil {
		return err
	}
	if err := l.forgetPeer(ctx, d); err != nil {
		return err
	}
	return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout, Unreachable)
}

func healPeer(ctx context.Context, l *Lab, d *Draw) error {
	if d.Notes["rows"] == "" {
		return nil
	}
	if err := l.overlayLines(ctx, d.Node, d.Network, strings.Split(d.Notes["rows"], "\n")); err != nil {
		return err
	}
	if err := l.forgetPeer(ctx, d); err != nil {
		return err
	}
	return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
}

// forgetPeer clears what the node's tasks learnt about the tasks of the drawn peer.
func (l *Lab) forgetPeer(ctx context.Context, d *Draw) error {
	tasks, err := l.Tasks(ctx)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		ip := t.Addrs[d.Network]
		if t.Node != d.Peer || !ip.IsValid() || t.State != "running" {
			continue
		}
		if err := l.forget(ctx, d.Node, d.Network, ip); err != nil {
			return err
		}
	}
	return nil
}
