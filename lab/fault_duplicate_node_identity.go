package lab

import (
	"context"
	"errors"
	"fmt"
)

func duplicateNodeIdentity() Fault {
	return Fault{
		ID:    "duplicate-node-identity",
		Doc:   "a node has another node's address, too: what it sends there comes back to itself",
		Layer: "U",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := errors.Join(l.noteRowCounts(ctx, d), l.pairOfFollowers(ctx, d)); err != nil {
				return err
			}
			peer, err := l.Node(d.Peer)
			if err != nil {
				return err
			}
			if err := errors.Join(d.Note("on", d.Node), d.Note("address", peer.Addr+"/32")); err != nil {
				return err
			}
			// Loopback does not answer for it on the wire, so only this node is led astray.
			if _, err := l.Exec(ctx, d.Node, "sh", "-ec", "echo 1 >/proc/sys/net/ipv4/conf/eth0/arp_ignore; ip addr add "+peer.Addr+"/32 dev lo"); err != nil {
				return err
			}
			out, err := l.Exec(ctx, d.Node, "ip", "route", "get", peer.Addr)
			if err == nil && out[:5] != "local" {
				err = fmt.Errorf("%s still sends to %s: %s", d.Node, peer.Addr, out)
			}
			return err
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["on"] == "" {
				return nil
			}
			heal := "ip addr del " + d.Notes["address"] + " dev lo 2>/dev/null; echo 0 >/proc/sys/net/ipv4/conf/eth0/arp_ignore"
			if _, err := l.Exec(ctx, d.Notes["on"], "sh", "-c", heal); err != nil {
				return err
			}
			return l.wholeAgain(ctx, d)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "duplicate-node-identity", Node: d.Node, Kind: "node", Name: d.Node})
		},
	}
}

// pairOfFollowers draws node and peer again where one of them is the managers' leader: the others would be cut off from
// it, which is another fault.
func (l *Lab) pairOfFollowers(ctx context.Context, d *Draw) error {
	leader, err := l.leader(ctx)
	if err != nil {
		return err
	}
	var rest []string
	for _, n := range l.Nodes {
		if n.Name != leader {
			rest = append(rest, n.Name)
		}
	}
	if len(rest) < 2 {
		return fmt.Errorf("two nodes beside the leader %s are needed, and there are %d", leader, len(rest))
	}
	node := rest[len(rest)-1] // not the first one, from which fairway may be asked
	if d.Node != leader {
		node = d.Node
	}
	d.Node = node
	for _, peer := range rest {
		if peer != node {
			d.Peer = peer
		}
	}
	fronts, err := l.Running(ctx, d.Task.Service, d.Node)
	backs, err2 := l.Running(ctx, d.PeerTask.Service, d.Peer)
	if err := errors.Join(err, err2); err != nil || len(fronts)*len(backs) == 0 {
		return errors.Join(err, fmt.Errorf("no tasks on %s and %s", d.Node, d.Peer))
	}
	d.Task, d.PeerTask = fronts[0], backs[0]
	return nil
}
