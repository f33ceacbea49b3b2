package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

func egressRoute() Fault {
	return Fault{
		ID:    "egress-gwbridge-broken",
		Doc:   "a task has lost its default route",
		Layer: "B",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, err := l.TaskNS(ctx, d.Task)
			if err != nil {
				return err
			}
			old, err := l.InNS(ctx, d.Node, ns, "ip", "route", "show", "default")
			if err != nil {
				return err
			}
			if old = strings.TrimSpace(old); old == "" {
				return errors.New(d.Task.Name + " has no default route")
			}
			if err := d.Note("undo", "ip route replace "+old); err != nil {
				return err
			}
			if _, err := l.InNS(ctx, d.Node, ns, "ip", "route", "del", "default"); err != nil {
				return err
			}
			if out, err := l.InNS(ctx, d.Node, ns, "ip", "route", "get", "198.51.100.1"); err == nil {
				return fmt.Errorf("%s still has a way out: %s", d.Task.Name, out)
			}
			return nil
		},
		Heal: undoInTask,
		Want: func(_ *Lab, d *Draw) Want {
			return Want{On: d.Node, Causes: []Cause{{ID: "egress-gwbridge-broken", Node: d.Node, Kind: "task", Name: d.Task.Name}}}
		},
	}
}

func egressMasquerade() Fault {
	return Fault{
		ID:    "egress-gwbridge-broken.masquerade",
		Doc:   "a node's MASQUERADE rule for docker_gwbridge is gone",
		Layer: "B",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.noteRules(ctx, d); err != nil {
				return err
			}
			i := strings.Index(d.Notes["rules saved"], "! -o docker_gwbridge -j MASQUERADE")
			if i < 0 {
				return errors.New("no rule masquerades docker_gwbridge")
			}
			rule := d.Notes["rules saved"][strings.LastIndex(d.Notes["rules saved"][:i], "-A "):]
			rule, _, _ = strings.Cut(rule, "\n")
			_, err := l.Exec(ctx, d.Node, append([]string{"iptables", "-w", "-t", "nat", "-D"}, strings.Fields(rule)[1:]...)...)
			if err != nil {
				return err
			}
			_, err = l.Exec(ctx, d.Node, append([]string{"iptables", "-w", "-t", "nat", "-C"}, strings.Fields(rule)[1:]...)...)
			if err == nil {
				return fmt.Errorf("%s still has %s", d.Node, rule)
			}
			return nil
		},
		Heal: restoreRules,
		Want: func(_ *Lab, d *Draw) Want { return d.checkNode("egress-gwbridge-broken") },
	}
}
