package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
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

// sparePeer sees to it that the managers' leader is neither of the two nodes that will not reach each other: a manager
// without its leader is another fault. Where the drawn peer leads, another is drawn; where the drawn node leads, it hands
// over by being no manager for a moment.
func (l *Lab) sparePeer(ctx context.Context, d *Draw) error {
	for range 3 {
		leader, err := l.leader(ctx)
		if err != nil {
			return err
		}
		switch leader {
		case d.Node:
			if err := l.handOver(ctx, leader); err != nil {
				return err
			}
		case d.Peer:
			if err := l.anotherPeer(ctx, d); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return fmt.Errorf("the managers' leader is %s or %s, whatever is done", d.Node, d.Peer)
}

func (l *Lab) anotherPeer(ctx context.Context, d *Draw) error {
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

// leader is the managers' leader.
func (l *Lab) leader(ctx context.Context) (string, error) {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return "", err
	}
	res, err := api.NodeList(ctx, client.NodeListOptions{})
	if err != nil {
		return "", fmt.Errorf("list nodes: %w", err)
	}
	for _, n := range res.Items {
		if n.ManagerStatus != nil && n.ManagerStatus.Leader {
			return n.Description.Hostname, nil
		}
	}
	return "", fmt.Errorf("the swarm has no leader")
}

// handOver makes a leader a worker and a manager again. Another manager is asked to do it: a worker's engine answers, too.
func (l *Lab) handOver(ctx context.Context, node string) error {
	i := slices.IndexFunc(l.Nodes, func(n Node) bool { return n.Manager && n.Name != node })
	if i < 0 {
		return fmt.Errorf("%s is the only manager", node)
	}
	api, err := l.API(l.Nodes[i].Name)
	if err != nil {
		return err
	}
	for _, role := range []swarm.NodeRole{swarm.NodeRoleWorker, swarm.NodeRoleManager} {
		if err := setRole(ctx, api, node, role); err != nil {
			return err
		}
	}
	// Both sides must know: the others call it reachable before its own engine is a manager.
	return poll(ctx, 30*time.Second, node+" to be a manager that follows", func() (bool, error) {
		own, err := l.API(node)
		if err != nil {
			return false, err
		}
		n, err := findNode(ctx, own, node)
		return err == nil && n.ManagerStatus != nil && !n.ManagerStatus.Leader && n.ManagerStatus.Reachability == swarm.ReachabilityReachable, err
	})
}

// setRole changes a node's role and waits until it has it. The version of a node moves by itself, and there is no leader
// for a moment, hence the tries.
func setRole(ctx context.Context, api *client.Client, node string, role swarm.NodeRole) error {
	return poll(ctx, 30*time.Second, fmt.Sprintf("%s to become a %s", node, role), func() (bool, error) {
		n, err := findNode(ctx, api, node)
		if err != nil {
			return false, err
		}
		if n.Spec.Role != role {
			n.Spec.Role = role
			_, err = api.NodeUpdate(ctx, n.ID, client.NodeUpdateOptions{Version: n.Version, Spec: n.Spec})
			return false, err
		}
		return (n.ManagerStatus != nil) == (role == swarm.NodeRoleManager), nil
	})
}

// findNode finds a node in the list of one manager.
func findNode(ctx context.Context, api *client.Client, node string) (swarm.Node, error) {
	res, err := api.NodeList(ctx, client.NodeListOptions{})
	if err != nil {
		return swarm.Node{}, fmt.Errorf("list nodes: %w", err)
	}
	i := slices.IndexFunc(res.Items, func(n swarm.Node) bool { return n.Description.Hostname == node })
	if i < 0 {
		return swarm.Node{}, fmt.Errorf("node %s is not in the swarm", node)
	}
	return res.Items[i], nil
}
