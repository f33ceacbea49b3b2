package lab

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

func dnsResolverDead() Fault {
	return Fault{
		ID:    "dns-resolver-dead",
		Doc:   "in one task the rules behind 127.0.0.11:53 lead to ports where nobody listens",
		Layer: "D",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, err := l.TaskNS(ctx, d.Task)
			if err != nil {
				return err
			}
			old, err := l.InNS(ctx, d.Node, ns, "iptables", "-w", "-t", "nat", "-S", "DOCKER_OUTPUT")
			if err != nil {
				return err
			}
			lead := regexp.MustCompile(`--to-destination 127\.0\.0\.11:\d+`)
			dead := fmt.Sprintf("--to-destination 127.0.0.11:%d", 2+d.rng.IntN(900))
			var undo, do []string
			n := 0
			for line := range strings.Lines(old) {
				rule, ok := strings.CutPrefix(strings.TrimSpace(line), "-A DOCKER_OUTPUT ")
				if !ok {
					continue
				}
				n++
				replace := fmt.Sprintf("iptables -w -t nat -R DOCKER_OUTPUT %d ", n)
				undo = append(undo, replace+rule)
				do = append(do, replace+lead.ReplaceAllString(rule, dead))
			}
			if n == 0 {
				return fmt.Errorf("%s has no rules in DOCKER_OUTPUT", d.Task.Name)
			}
			if err := d.Note("undo", strings.Join(undo, "\n")); err != nil {
				return err
			}
			if _, err := l.InNS(ctx, d.Node, ns, "sh", "-ec", strings.Join(do, "\n")); err != nil {
				return err
			}
			if found, err := l.Resolve(ctx, d.Task, "tasks."+d.PeerTask.Service); err == nil {
				return fmt.Errorf("%s still resolves: %v", d.Task.Name, found)
			}
			return nil
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := undoInTask(ctx, l, d); err != nil {
				return err
			}
			_, err := l.Resolve(ctx, d.Task, "tasks."+d.PeerTask.Service)
			return err
		},
		Want: wantFrontTask("dns-resolver-dead"),
	}
}

// wantFrontTask expects one cause about the drawn frontend.
func wantFrontTask(id string) func(*Lab, *Draw) Want {
	return func(_ *Lab, d *Draw) Want {
		return d.ask(Cause{ID: id, Node: d.Node, Kind: "task", Name: d.Task.Name})
	}
}
