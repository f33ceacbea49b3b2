package lab

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
)

func dnsResolverNATMissing() Fault {
	return Fault{
		ID:    "dns-resolver-nat-missing",
		Doc:   "in one task the rules behind 127.0.0.11:53 were flushed",
		Layer: "D",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			return l.breakResolver(ctx, d, func(n int, rule string) (do, undo string) {
				return "iptables -w -t nat -D DOCKER_OUTPUT 1", "iptables -w -t nat -A DOCKER_OUTPUT " + rule
			})
		},
		Heal: healResolver,
		Want: wantFrontTask("dns-resolver-nat-missing"),
	}
}

func dnsResolverNATAstray() Fault {
	return Fault{
		ID:    "dns-resolver-nat-missing.astray",
		Doc:   "in one task the rules behind 127.0.0.11:53 lead to ports where nobody listens",
		Layer: "D",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			lead := regexp.MustCompile(`--to-destination 127\.0\.0\.11:\d+`)
			dead := fmt.Sprintf("--to-destination 127.0.0.11:%d", 2+d.rng.IntN(900))
			return l.breakResolver(ctx, d, func(n int, rule string) (do, undo string) {
				replace := fmt.Sprintf("iptables -w -t nat -R DOCKER_OUTPUT %d ", n)
				return replace + lead.ReplaceAllString(rule, dead), replace + rule
			})
		},
		Heal: healResolver,
		Want: wantFrontTask("dns-resolver-nat-missing"),
	}
}

// breakResolver changes every rule of the drawn frontend's resolver, from the first on; what undoes it is run in the same
// order.
func (l *Lab) breakResolver(ctx context.Context, d *Draw, change func(n int, rule string) (do, undo string)) error {
	ns, err := l.TaskNS(ctx, d.Task)
	if err != nil {
		return err
	}
	old, err := l.InNS(ctx, d.Node, ns, "iptables", "-w", "-t", "nat", "-S", "DOCKER_OUTPUT")
	if err != nil {
		return err
	}
	var undo, do []string
	for line := range strings.Lines(old) {
		rule, ok := strings.CutPrefix(strings.TrimSpace(line), "-A DOCKER_OUTPUT ")
		if !ok {
			continue
		}
		one, back := change(len(do)+1, rule)
		do, undo = append(do, one), append(undo, back)
	}
	if len(do) == 0 {
		return fmt.Errorf("%s has no rules in DOCKER_OUTPUT", d.Task.Name)
	}
	if err := d.Note("undo", strings.Join(undo, "\n")); err != nil {
		return err
	}
	if _, err := l.InNS(ctx, d.Node, ns, "sh", "-ec", strings.Join(do, "\n")); err != nil {
		return err
	}
	// A question whose source port conntrack remembers from one before is translated without any rule.
	return poll(ctx, 10*time.Second, d.Task.Name+" to resolve nothing", func() (bool, error) {
		found, err := l.Resolve(ctx, d.Task, "tasks."+d.PeerTask.Service)
		if err == nil {
			return false, fmt.Errorf("it still resolves: %v", found)
		}
		return true, nil
	})
}

func healResolver(ctx context.Context, l *Lab, d *Draw) error {
	if err := undoInTask(ctx, l, d); err != nil {
		return err
	}
	_, err := l.Resolve(ctx, d.Task, "tasks."+d.PeerTask.Service)
	return err
}

// wantFrontTask expects one cause about the drawn frontend.
func wantFrontTask(id string) func(*Lab, *Draw) Want {
	return func(_ *Lab, d *Draw) Want {
		return d.ask(Cause{ID: id, Node: d.Node, Kind: "task", Name: d.Task.Name})
	}
}
