package lab

import (
	"context"
	"net/netip"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/swarm"
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
			return l.expectNoName(ctx, d.Task, "tasks."+s.Name)
		},
		Heal: healExtras,
		Want: wantExtraTask("task-not-discoverable"),
	}
}
