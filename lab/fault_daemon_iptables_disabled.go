package lab

import (
	"context"
	"fmt"
	"strings"
	"time"
)

func daemonIPTablesDisabled() Fault {
	return Fault{
		ID:     "daemon-iptables-disabled",
		Doc:    "a node's engine is told to write no packet rules, and was started anew on a host without any",
		Layer:  "B",
		Renews: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := d.Note("config", "written"); err != nil {
				return err
			}
			if err := l.StopEngine(ctx, d.Node); err != nil {
				return err
			}
			clean := "iptables -w -F; iptables -w -t nat -F; iptables -w -X; iptables -w -t nat -X; iptables -w -P FORWARD ACCEPT"
			if err := l.startWith(ctx, d.Node, clean+`; mkdir -p /etc/docker; echo '{"iptables": false}' >/etc/docker/daemon.json`); err != nil {
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
			_ = l.StopEngine(ctx, d.Node) // it may be down already
			return l.startWith(ctx, d.Node, "rm -f /etc/docker/daemon.json")
		},
		Want: func(_ *Lab, d *Draw) Want { return d.checkNode("daemon-iptables-disabled") },
	}
}

// startWith runs a script on a node whose engine is down, starts the engine, and waits until all tasks run and all names
// are known.
func (l *Lab) startWith(ctx context.Context, node, script string) error {
	if _, err := l.Exec(ctx, node, "sh", "-c", script); err != nil {
		return err
	}
	if err := l.StartEngine(ctx, node); err != nil {
		return err
	}
	return l.Settle(ctx, 90*time.Second)
}
