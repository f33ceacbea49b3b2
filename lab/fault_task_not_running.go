package lab

import (
	"context"

	"github.com/moby/moby/api/types/swarm"
)

func taskNotRunningCrash() Fault {
	return Fault{
		ID:    "task-not-running.crash",
		Doc:   "the only task of a service ends with code 1 as soon as it starts, again and again",
		Layer: "A",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Node, []string{d.Network}, "-exit", "1")
			if err := l.CreateService(ctx, s); err != nil {
				return err
			}
			_, err := l.waitTask(ctx, s.Name, "failed", func(t swarm.Task) bool {
				return t.Status.State == swarm.TaskStateFailed
			})
			return err
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
			if err := l.CreateService(ctx, s); err != nil {
				return err
			}
			_, err := l.waitTask(ctx, s.Name, "was rejected", func(t swarm.Task) bool {
				return t.Status.State == swarm.TaskStateRejected
			})
			return err
		},
		Heal: healExtras,
		Want: wantExtraService("task-not-running"),
	}
}

// wantExtraService expects one cause about the added service api as a whole: its tasks come and go.
func wantExtraService(id string) func(*Lab, *Draw) Want {
	return func(_ *Lab, d *Draw) Want {
		return d.askExtra("api", Cause{ID: id, Kind: "service", Name: extra + "api"})
	}
}
