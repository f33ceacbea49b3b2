package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

func taskNotRunningCrash() Fault {
	return Fault{
		ID:    "task-not-running.crash",
		Doc:   "the only task of a service ends with code 1 as soon as it starts, again and again",
		Layer: "A",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Node, []string{d.Network}, "-exit", "1")
			return l.createFailing(ctx, s, swarm.TaskStateFailed)
		},
		Heal: healExtras,
		Want: wantExtraService("task-not-running"),
	}
}

func taskNotRunningImage() Fault {
	return Fault{
		ID:    "task-not-running.image",
		Doc:   "the image of a service is nowhere to be had, so no task ever starts",
		Layer: "A",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Node, []string{d.Network})
			s.TaskTemplate.ContainerSpec.Image = "127.0.0.1:1/nosuch:1" // a registry that refuses at once
			return l.createFailing(ctx, s, swarm.TaskStateRejected)
		},
		Heal: healExtras,
		Want: wantExtraService("task-not-running"),
	}
}

// createFailing creates a service and waits until two of its tasks ended so: a single failure may be chance.
func (l *Lab) createFailing(ctx context.Context, s swarm.ServiceSpec, end swarm.TaskState) error {
	pause := time.Second
	s.TaskTemplate.RestartPolicy = &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionAny, Delay: &pause}
	if err := l.CreateService(ctx, s); err != nil {
		return err
	}
	return poll(ctx, 40*time.Second, fmt.Sprintf("two tasks of %s to be %s", s.Name, end), func() (bool, error) {
		tasks, err := l.Tasks(ctx)
		tasks = slices.DeleteFunc(tasks, func(t Task) bool { return t.Service != s.Name || t.State != end })
		return len(tasks) >= 2, err
	})
}

// wantExtraService expects one cause about the added service api as a whole: its tasks come and go.
func wantExtraService(id string) func(*Lab, *Draw) Want {
	return func(_ *Lab, d *Draw) Want {
		return d.askExtra("api", Cause{ID: id, Kind: "service", Name: extra + "api"})
	}
}
