package lab

import (
	"context"
	"fmt"
	"strings"
	"time"
)

func dnsResolverDead() Fault {
	return Fault{
		ID:     "dns-resolver-dead",
		Doc:    "in one task the engine's resolver has lost its socket on 127.0.0.11",
		Layer:  "D",
		Renews: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, err := l.TaskNS(ctx, d.Task)
			if err != nil {
				return err
			}
			if err := d.Note("broken", d.Task.ID); err != nil {
				return err
			}
			if _, err := l.InNS(ctx, d.Node, ns, "ss", "-K", "-u", "-l", "src", "127.0.0.11"); err != nil {
				return err
			}
			left, err := l.InNS(ctx, d.Node, ns, "ss", "-H", "-u", "-l", "-n", "src", "127.0.0.11")
			if err == nil && strings.TrimSpace(left) != "" {
				err = fmt.Errorf("%s still has its resolver: %s", d.Task.Name, left)
			}
			return err
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["broken"] == "" {
				return nil
			}
			if _, err := l.Exec(ctx, d.Node, "docker", "rm", "-f", d.Task.Container); err != nil {
				return err
			}
			return poll(ctx, 60*time.Second, "another task in place of "+d.Task.Name, func() (bool, error) {
				tasks, err := l.Running(ctx, d.Task.Service, d.Node)
				return err == nil && len(tasks) > 0 && tasks[0].ID != d.Task.ID, err
			})
		},
		Want: wantFrontTask("dns-resolver-dead"),
	}
}
