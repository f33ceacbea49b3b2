package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// Settle waits for a control plane that is whole, is [Lab.Converge], and then waits until every node resolves every service
// that its tasks can see to all of its running tasks: names arrive by gossip, a little after the managers say running.
func (l *Lab) Settle(ctx context.Context, limit time.Duration) error {
	if err := l.led(ctx, limit); err != nil {
		return err
	}
	return poll(ctx, limit, "names to be known everywhere", func() (bool, error) {
		if err := l.Converge(ctx, limit); err != nil {
			return false, err
		}
		err := l.settleNames(ctx)
		return err == nil, err
	})
}

// settleNames waits a while for names; a task that was running may be replaced meanwhile, and then its namespace is gone.
func (l *Lab) settleNames(ctx context.Context) error {
	tasks, err := l.Tasks(ctx)
	if err != nil {
		return err
	}
	type at struct{ network, name string } // a service or a node on a network
	count := map[at]int{}
	asker := map[at]Task{}
	for _, t := range tasks {
		if t.State != swarm.TaskStateRunning || t.Desired != swarm.TaskStateRunning || t.Service == "" {
			continue
		}
		for network := range t.Addrs {
			if network == "ingress" { // has no names
				continue
			}
			count[at{network, t.Service}]++
			asker[at{network, t.Node}] = t
		}
	}
	for service, want := range count {
		for node, t := range asker {
			if node.network != service.network {
				continue
			}
			if err := l.settleName(ctx, 10*time.Second, t, service.name, want); err != nil {
				return err
			}
		}
	}
	return nil
}

// settleName waits until a task resolves a service's name to that many tasks.
func (l *Lab) settleName(ctx context.Context, limit time.Duration, t Task, service string, want int) error {
	what := fmt.Sprintf("%s to resolve all %d tasks of %s", t.Node, want, service)
	return poll(ctx, limit, what, func() (bool, error) {
		found, err := l.Resolve(ctx, t, "tasks."+service)
		if err == nil && len(found) != want {
			err = fmt.Errorf("it resolves %v", found)
		}
		return err == nil, err
	})
}

// led waits until all managers know the same leader and call every node ready: a manager that comes back from being cut off
// makes the others elect anew, and for seconds nobody leads.
func (l *Lab) led(ctx context.Context, limit time.Duration) error {
	return poll(ctx, limit, "the managers to agree on a leader and to call all nodes ready", func() (bool, error) {
		leaders := map[string]bool{}
		for _, n := range l.Nodes {
			if !n.Manager {
				continue
			}
			leader, err := l.leaderSeen(ctx, n.Name)
			if err != nil {
				return false, fmt.Errorf("%s: %w", n.Name, err)
			}
			leaders[leader] = true
		}
		if len(leaders) != 1 {
			return false, fmt.Errorf("they name %v", slices.Sorted(maps.Keys(leaders)))
		}
		return true, nil
	})
}

// leaderSeen is the leader that a manager names, if it calls all nodes ready and reachable.
func (l *Lab) leaderSeen(ctx context.Context, manager string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	api, err := l.API(manager)
	if err != nil {
		return "", err
	}
	res, err := api.NodeList(ctx, client.NodeListOptions{})
	if err != nil {
		return "", err
	}
	leader := ""
	for _, n := range res.Items {
		m := n.ManagerStatus
		if n.Status.State != swarm.NodeStateReady || m != nil && m.Reachability != swarm.ReachabilityReachable {
			return "", fmt.Errorf("%s is %s", n.Description.Hostname, n.Status.State)
		}
		if m != nil && m.Leader {
			leader = n.Description.Hostname
		}
	}
	if leader == "" {
		return "", errors.New("it names no leader")
	}
	return leader, nil
}
