package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

// drainGap replaces a task whose program ends at once when it is told to. What failed meanwhile, clients know: they ask about
// that time.
func drainGap() Fault {
	return Fault{
		ID:    "task-shutdown-drain-gap",
		Doc:   "a service was updated, and its program ended at once when it was told to: clients ask why requests failed then",
		Layer: "A",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Node, []string{d.Network}, "-http", ":8080")
			t, err := l.startExtra(ctx, s)
			if err != nil {
				return err
			}
			var took time.Duration
			for range 3 {
				time.Sleep(2 * time.Second) // a program that ends in its first second has another fault
				told := time.Now()
				if err := l.ForceUpdate(ctx, s.Name); err != nil {
					return err
				}
				end, err := l.waitTask(ctx, s.Name, "is the first one, at its end", func(x swarm.Task) bool {
					took = x.Status.Timestamp.Sub(told)
					return x.ID == t.ID && x.Status.State == swarm.TaskStateShutdown
				})
				if err != nil {
					return fmt.Errorf("update %s: %w", s.Name, err)
				}
				if err := l.Settle(ctx, time.Minute); err != nil || took < 3800*time.Millisecond {
					return err
				}
				next, err := l.Running(ctx, s.Name, "")
				if err != nil || len(next) == 0 {
					return errors.Join(err, fmt.Errorf("nothing runs after %s", end.Name))
				}
				t = next[0]
			}
			return fmt.Errorf("on this busy machine the end of a task takes %s", took)
		},
		Heal: healExtras,
		Want: func(_ *Lab, d *Draw) Want {
			return Want{On: d.Node, Since: "5m", Causes: []Cause{{ID: "task-shutdown-drain-gap", Kind: "service", Name: extra + "api", Hint: true}}}
		},
	}
}
