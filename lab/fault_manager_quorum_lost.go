package lab

import (
	"context"
	"strings"
	"time"
)

func managerQuorumLost() Fault {
	return Fault{
		ID:    "manager-quorum-lost",
		Doc:   "no manager reaches another one any more: the swarm has no leader, and what runs goes on",
		Layer: "C",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := d.Note("cut", "all"); err != nil {
				return err
			}
			for _, n := range l.Nodes {
				if err := l.rules(ctx, n.Name, "-I", managerRules...); err != nil {
					return err
				}
			}
			for _, n := range l.Nodes {
				if err := l.expectLeader(ctx, n.Name, false); err != nil {
					return err
				}
			}
			return nil
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["cut"] == "" {
				return nil
			}
			for _, n := range l.Nodes {
				if err := l.rules(ctx, n.Name, "-D", managerRules...); err != nil {
					return err
				}
			}
			for _, n := range l.Nodes {
				if err := l.expectLeader(ctx, n.Name, true); err != nil {
					return err
				}
			}
			return l.wholeAgain(ctx, d)
		},
		Want: func(l *Lab, d *Draw) Want {
			w := d.ask(Cause{ID: "manager-quorum-lost"})
			for _, n := range l.Nodes {
				w.NoAgents = append(w.NoAgents, n.Addr) // nobody knows their names
			}
			return w
		},
	}
}

// expectLeader waits until a manager knows a leader, or knows that there is none.
func (l *Lab) expectLeader(ctx context.Context, node string, want bool) error {
	what := map[bool]string{true: node + " to know a leader", false: node + " to miss the leader"}[want]
	return poll(ctx, 90*time.Second, what, func() (bool, error) {
		out, err := l.Exec(ctx, node, "curl", "-sS", "-m", "25", "--unix-socket", "/var/run/docker.sock", "http://engine/nodes")
		none := strings.Contains(out, "does not have a leader")
		return err == nil && none != want && (none || strings.HasPrefix(out, "[")), err
	})
}
