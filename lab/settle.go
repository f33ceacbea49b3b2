package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

// Settle is [Lab.Converge], and then waits until every node resolves every service that its tasks can see to all of its
// running tasks: names arrive by gossip, a little after the managers say running.
func (l *Lab) Settle(ctx context.Context, limit time.Duration) error {
	if err := l.Converge(ctx, limit); err != nil {
		return err
	}
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
			if err := l.settleName(ctx, limit, t, service.name, want); err != nil {
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
