package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// victim draws the peer again: a node whose engine or whose way to the managers may suffer. It is neither the drawn node
// nor the first one, from which fairway may be asked, nor the managers' leader, if there is another one.
func (l *Lab) victim(ctx context.Context, d *Draw) error {
	leader, err := l.leader(ctx)
	if err != nil {
		return err
	}
	backs, err := l.Running(ctx, d.PeerTask.Service, "")
	if err != nil {
		return err
	}
	rank := func(t Task) int { // the best first
		n := 0
		if t.Node == leader {
			n++
		}
		if t.Node == l.Nodes[0].Name {
			n += 2
		}
		return n
	}
	backs = slices.DeleteFunc(backs, func(t Task) bool { return t.Node == d.Node })
	if len(backs) == 0 {
		return fmt.Errorf("no task of %s on another node than %s", d.PeerTask.Service, d.Node)
	}
	d.PeerTask = slices.MinFunc(backs, func(a, b Task) int { return rank(a) - rank(b) })
	d.Peer = d.PeerTask.Node
	return d.Note("victim", d.Peer)
}

// expectState waits until the managers, as the drawn node knows them, call a node so.
func (l *Lab) expectState(ctx context.Context, node string, want swarm.NodeState, limit time.Duration) error {
	return poll(ctx, limit, fmt.Sprintf("the managers to call %s %s", node, want), func() (bool, error) {
		_, n, err := l.swarmNode(ctx, node)
		if err == nil && n.Status.State != want {
			err = fmt.Errorf("they call it %s: %s", n.Status.State, n.Status.Message)
		}
		return err == nil, err
	})
}

// rules adds rules of a node's filter table (with "-I") or takes them away (with "-D"); a rule that is not there is no
// error then.
func (l *Lab) rules(ctx context.Context, node, do string, rules ...string) error {
	for _, r := range rules {
		script := "iptables -w " + do + " " + r
		if do == "-D" {
			script = "! iptables -w -C " + r + " 2>/dev/null || " + script
		}
		if _, err := l.Exec(ctx, node, "sh", "-ec", script); err != nil {
			return err
		}
	}
	return nil
}

// wholeAgain waits until every node is ready and runs its tasks, and every kernel holds the rows of every peer.
func (l *Lab) wholeAgain(ctx context.Context, d *Draw) error {
	for _, n := range l.Nodes {
		if err := l.expectState(ctx, n.Name, swarm.NodeStateReady, 90*time.Second); err != nil {
			return err
		}
	}
	if err := l.Settle(ctx, 90*time.Second); err != nil {
		return err
	}
	for _, n := range l.Nodes {
		if want := d.Notes["rows "+n.Name]; want != "" {
			if err := l.expectRows(ctx, n.Name, d.Network, 120*time.Second, want); err != nil {
				return err
			}
		}
	}
	return nil
}

// expectForgotten waits until gossip on a node counts another one no more among the peers of a network.
func (l *Lab) expectForgotten(ctx context.Context, node, peer, network string, limit time.Duration) error {
	p, err := l.Node(peer)
	if err != nil {
		return err
	}
	return poll(ctx, limit, node+" to forget "+peer, func() (bool, error) {
		out, err := l.Exec(ctx, node, "curl", "-sS", "-m", "5", "--unix-socket", "/var/run/docker.sock", "http://engine/networks/"+network+"?verbose=true")
		return err == nil && !strings.Contains(out, fmt.Sprintf("%q", p.Addr)), err
	})
}

// aged waits until a task has run for so long.
func (l *Lab) aged(ctx context.Context, t Task, age time.Duration) error {
	return poll(ctx, age+10*time.Second, t.Name+" to have run for "+age.String(), func() (bool, error) {
		api, _, err := l.Manager(ctx)
		if err != nil {
			return false, err
		}
		res, err := api.TaskInspect(ctx, t.ID, client.TaskInspectOptions{})
		if err != nil {
			return false, err
		}
		last := res.Task.Status.Timestamp
		if res.Task.UpdatedAt.After(last) {
			last = res.Task.UpdatedAt
		}
		return time.Since(last) > age, nil
	})
}

// updated waits until a service's update is over.
func (l *Lab) updated(ctx context.Context, name string) error {
	err := poll(ctx, 60*time.Second, "the update of "+name+" to be over", func() (bool, error) {
		s, err := l.service(ctx, name)
		return err == nil && s.UpdateStatus != nil && s.UpdateStatus.State == swarm.UpdateStateCompleted, err
	})
	if err != nil {
		return err
	}
	return l.Settle(ctx, time.Minute)
}

// availability is SetAvailability, again where the node's state changed meanwhile.
func (l *Lab) availability(ctx context.Context, node string, a swarm.NodeAvailability) error {
	return poll(ctx, 10*time.Second, "the managers to set "+node+" to "+string(a), func() (bool, error) {
		err := l.SetAvailability(ctx, node, a)
		return err == nil, err
	})
}
