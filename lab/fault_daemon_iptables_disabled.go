package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

func daemonIPTablesDisabled() Fault {
	return Fault{
		ID:     "daemon-iptables-disabled",
		Doc:    "a node's engine is told to write no packet rules, and was started anew on a host without any",
		Layer:  "B",
		Renews: true,
		OnHost: true, // /etc/docker/daemon.json
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := d.Note("config", "written"); err != nil {
				return err
			}
			clean := "iptables -w -F; iptables -w -t nat -F; iptables -w -X; iptables -w -t nat -X; iptables -w -P FORWARD ACCEPT"
			if err := l.restartWith(ctx, d.Node, clean+`; mkdir -p /etc/docker; echo '{"iptables": false}' >/etc/docker/daemon.json`); err != nil {
				return err
			}
			rules, err := l.Exec(ctx, d.Node, "iptables-save")
			if err == nil && strings.Contains(rules, "DOCKER-USER") {
				err = fmt.Errorf("the engine of %s still writes rules", d.Node)
			}
			return err
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["config"] == "" {
				return nil
			}
			return l.restartWith(ctx, d.Node, "rm -f /etc/docker/daemon.json")
		},
		Want: func(_ *Lab, d *Draw) Want { return d.checkNode("daemon-iptables-disabled") },
	}
}

// restartWith stops a node's engine in good order, with its tasks drained, because tasks that fail twice are a fault of
// their own; runs a script; starts it again, and waits until all tasks run and all names are known.
func (l *Lab) restartWith(ctx context.Context, node, script string) error {
	if _, err := l.Exec(ctx, node, "pgrep", "-x", "dockerd"); err != nil { // stopped half-way
		if err := l.StartEngine(ctx, node); err != nil {
			return err
		}
	}
	if err := l.SetAvailability(ctx, node, swarm.NodeAvailabilityDrain); err != nil {
		return err
	}
	err := poll(ctx, 60*time.Second, node+" to be drained", func() (bool, error) {
		out, err := l.Exec(ctx, node, "docker", "ps", "-q", "--filter", "label=com.docker.swarm.task")
		return err == nil && strings.TrimSpace(out) == "", err
	})
	if err != nil {
		return err
	}
	if err := l.StopEngine(ctx, node); err != nil {
		return err
	}
	if _, err := l.Exec(ctx, node, "sh", "-c", script); err != nil {
		return err
	}
	if err := l.StartEngine(ctx, node); err != nil {
		return err
	}
	if err := l.SetAvailability(ctx, node, swarm.NodeAvailabilityActive); err != nil {
		return err
	}
	return l.Settle(ctx, 90*time.Second)
}
