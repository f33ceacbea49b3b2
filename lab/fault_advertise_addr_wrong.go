package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

func advertiseAddr() Fault {
	return Fault{
		ID:     "advertise-addr-wrong",
		Doc:    "a node joined with a data path address that it does not have: Ready, and out of reach for every overlay packet",
		Layer:  "O",
		Renews: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.sparePeer(ctx, d); err != nil {
				return err
			}
			if err := d.Note("rejoin", "yes"); err != nil {
				return err
			}
			if err := l.rejoin(ctx, d, fmt.Sprintf("10.77.0.%d", 200+d.rng.IntN(40))); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["rejoin"] == "" {
				return nil
			}
			if err := l.rejoin(ctx, d, ""); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "advertise-addr-wrong", Node: d.Node, Kind: "node", Name: d.Node})
		},
	}
}

// rejoin has the drawn node leave the swarm and join it again as a manager, with another data path address or, without one,
// with its own. Its tasks are new then; the draw's frontend follows.
func (l *Lab) rejoin(ctx context.Context, d *Draw, dataPath string) error {
	api, err := l.API(d.Peer)
	if err != nil {
		return err
	}
	if err := l.dismiss(ctx, api, d.Node); err != nil {
		return err
	}
	sw, err := api.SwarmInspect(ctx, client.SwarmInspectOptions{})
	if err != nil {
		return fmt.Errorf("read join tokens: %w", err)
	}
	node, err := l.Node(d.Node)
	if err != nil {
		return err
	}
	peer, err := l.Node(d.Peer)
	if err != nil {
		return err
	}
	own, err := l.API(d.Node)
	if err != nil {
		return err
	}
	if _, err := own.SwarmJoin(ctx, client.SwarmJoinOptions{ListenAddr: "0.0.0.0:2377", AdvertiseAddr: node.Addr, DataPathAddr: dataPath,
		RemoteAddrs: []string{peer.Addr + ":2377"}, JoinToken: sw.Swarm.JoinTokens.Manager, Availability: swarm.NodeAvailabilityDrain}); err != nil {
		return fmt.Errorf("join %s again: %w", d.Node, err)
	}
	// Tasks that come before the engine has joined for good are rejected.
	if err := poll(ctx, 30*time.Second, d.Node+" to be ready", func() (bool, error) {
		_, n, err := l.swarmNode(ctx, d.Node)
		return err == nil && n.Status.State == swarm.NodeStateReady && n.ManagerStatus != nil, err
	}); err != nil {
		return err
	}
	if err := l.SetAvailability(ctx, d.Node, swarm.NodeAvailabilityActive); err != nil {
		return err
	}
	if err := l.Settle(ctx, time.Minute); err != nil {
		return err
	}
	return poll(ctx, 30*time.Second, "a new task of "+d.Task.Service+" on "+d.Node, func() (bool, error) {
		tasks, err := l.Running(ctx, d.Task.Service, d.Node)
		if err != nil || len(tasks) == 0 {
			return false, errors.Join(err, errors.New("none runs"))
		}
		d.Task = tasks[0]
		return true, nil
	})
}

// dismiss empties and demotes a node, has it leave, and removes it from the managers' list.
func (l *Lab) dismiss(ctx context.Context, api *client.Client, node string) error {
	if err := l.SetAvailability(ctx, node, swarm.NodeAvailabilityDrain); err == nil { // else it has left already
		if err := poll(ctx, 30*time.Second, "the tasks of "+node+" to end", func() (bool, error) {
			tasks, err := l.Tasks(ctx)
			return err == nil && !slices.ContainsFunc(tasks, func(t Task) bool { return t.Node == node && !taskOver(t.State) }), err
		}); err != nil {
			return err
		}
	}
	gone := func() (bool, error) {
		res, err := api.NodeList(ctx, client.NodeListOptions{})
		if err != nil {
			return false, err
		}
		left, last := false, error(nil)
		for _, n := range res.Items {
			if n.Description.Hostname != node {
				continue
			}
			left = true
			if n.Spec.Role == swarm.NodeRoleManager {
				n.Spec.Role = swarm.NodeRoleWorker
				_, last = api.NodeUpdate(ctx, n.ID, client.NodeUpdateOptions{Version: n.Version, Spec: n.Spec})
			} else if n.ManagerStatus == nil {
				own, err := l.API(node)
				if err != nil {
					return false, err
				}
				_, _ = own.SwarmLeave(ctx, client.SwarmLeaveOptions{Force: true}) // it may have left already
				_, last = api.NodeRemove(ctx, n.ID, client.NodeRemoveOptions{Force: true})
			}
		}
		return !left, last
	}
	return poll(ctx, 60*time.Second, node+" to leave the swarm", gone)
}
