package lab

import (
	"context"
	"fmt"
	"slices"
	"time"
)

func underlayPeerRoute() Fault {
	return Fault{
		ID:    "underlay-peer-unreachable.route",
		Doc:   "a node cannot reach one peer at all: its route there leads nowhere",
		Layer: "U",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.sparePeer(ctx, d); err != nil {
				return err
			}
			peer, err := l.Node(d.Peer)
			if err != nil {
				return err
			}
			route := fmt.Sprintf("%s %s/32", Pick(d, []string{"blackhole", "unreachable", "prohibit"}), peer.Addr)
			return l.cutPeer(ctx, d, "route", route, func() error {
				_, err := l.Exec(ctx, d.Node, "sh", "-ec", "ip route add "+route)
				return err
			})
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["route"] == "" {
				return nil
			}
			if _, err := l.Exec(ctx, d.Node, "sh", "-c", "ip route del "+d.Notes["route"]+" 2>/dev/null || true"); err != nil {
				return err
			}
			return l.expectPeers(ctx, d)
		},
		Want: wantPeerGone,
	}
}

func underlayPeerCable() Fault {
	return Fault{
		ID:    "underlay-peer-unreachable.cable",
		Doc:   "a node's cable is pulled: nobody reaches it",
		Layer: "U",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.sparePeer(ctx, d); err != nil {
				return err
			}
			port := l.fabPort(d.Peer)
			return l.cutPeer(ctx, d, "port", port, func() error {
				return ipBatch(ctx, object(l.Name, fab), "link set "+port+" down\n")
			})
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["port"] == "" {
				return nil
			}
			if err := ipBatch(ctx, object(l.Name, fab), "link set "+d.Notes["port"]+" up\n"); err != nil {
				return err
			}
			return l.expectPeers(ctx, d)
		},
		Want: wantPeerGone,
	}
}

func wantPeerGone(_ *Lab, d *Draw) Want {
	return d.ask(Cause{ID: "underlay-peer-unreachable", Node: d.Node, Peer: d.Peer})
}

// cutPeer notes what healing needs, cuts, and proves that the drawn backend is out of reach.
func (l *Lab) cutPeer(ctx context.Context, d *Draw, key, value string, cut func() error) error {
	if err := l.noteRowCounts(ctx, d); err != nil {
		return err
	}
	if err := d.Note(key, value); err != nil {
		return err
	}
	if err := cut(); err != nil {
		return err
	}
	return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout, Unreachable)
}

// expectPeers waits until no node misses rows: either end may have given the other up.
func (l *Lab) expectPeers(ctx context.Context, d *Draw) error {
	for _, n := range l.Nodes {
		if want := d.Notes["rows "+n.Name]; want != "" {
			if err := l.expectRows(ctx, n.Name, d.Network, 120*time.Second, want); err != nil {
				return err
			}
		}
	}
	return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
}

// sparePeer draws the peer again where it is the managers' leader: a swarm without a leader is another fault.
func (l *Lab) sparePeer(ctx context.Context, d *Draw) error {
	_, n, err := l.swarmNode(ctx, d.Peer)
	if err != nil {
		return err
	}
	if n.ManagerStatus == nil || !n.ManagerStatus.Leader {
		return nil
	}
	backs, err := l.Running(ctx, d.PeerTask.Service, "")
	if err != nil {
		return err
	}
	backs = slices.DeleteFunc(backs, func(t Task) bool { return t.Node == d.Node || t.Node == d.Peer })
	if len(backs) == 0 {
		return fmt.Errorf("no node beside %s and the leader %s", d.Node, d.Peer)
	}
	d.PeerTask = Pick(d, backs)
	d.Peer = d.PeerTask.Node
	return nil
}
