package lab

import (
	"context"
	"net/netip"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

func taskNotDiscoverable() Fault {
	return Fault{
		ID:    "task-not-discoverable",
		Doc:   "a task's health check never passes: its program answers, but no name leads to it",
		Layer: "A",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Node, []string{d.Network}, "-http", ":8080")
			s.TaskTemplate.ContainerSpec.Healthcheck = &container.HealthConfig{
				Test: []string{"CMD", "/echo", "-exit", "1"}, Interval: time.Second, Timeout: time.Second, Retries: 1000}
			if err := l.CreateService(ctx, s); err != nil {
				return err
			}
			t, err := l.waitTask(ctx, s.Name, "is starting", func(t swarm.Task) bool {
				return t.Status.State == swarm.TaskStateStarting && len(t.NetworksAttachments) > 0
			})
			if err != nil {
				return err
			}
			if err := d.noteTask(t); err != nil {
				return err
			}
			to := netip.AddrPortFrom(t.Addrs[d.Network], uint16(d.Port))
			if err := l.expectConnect(ctx, d.Task, to, 8*time.Second, Opened); err != nil {
				return err
			}
			if err := l.expectNoName(ctx, d.Task, "tasks."+s.Name); err != nil {
				return err
			}
			return l.expectUnwell(ctx, t)
		},
		Heal: healExtras,
		Want: wantExtraTask("task-not-discoverable"),
	}
}

// expectUnwell waits until a task's health check has failed: before that it may only be slow.
func (l *Lab) expectUnwell(ctx context.Context, t Task) error {
	api, err := l.API(t.Node)
	if err != nil {
		return err
	}
	return poll(ctx, 10*time.Second, "the health check of "+t.Name+" to fail", func() (bool, error) {
		of := client.Filters{}.Add("label", "com.docker.swarm.task.id="+t.ID)
		all, err := api.ContainerList(ctx, client.ContainerListOptions{Filters: of})
		if err != nil || len(all.Items) == 0 {
			return false, err
		}
		res, err := api.ContainerInspect(ctx, all.Items[0].ID, client.ContainerInspectOptions{})
		if err != nil || res.Container.State == nil || res.Container.State.Health == nil {
			return false, err
		}
		return res.Container.State.Health.FailingStreak > 0, nil
	})
}
