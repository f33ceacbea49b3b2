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

// egressRouteAsked is egressRoute, asked about what is lost: a place outside.
func egressRouteAsked() Fault {
	f := egressRoute()
	f.ID, f.Doc = f.ID+".asked", f.Doc+" and asks for a place outside"
	return f.asked(Unreachable)
}

// egressMasqueradeAsked is the same of egressMasquerade.
func egressMasqueradeAsked() Fault {
	f := egressMasquerade()
	f.ID, f.Doc = f.ID+"-asked", f.Doc+", and containers ask for a place outside"
	return f.asked(Timeout)
}

// asked makes a fault of a node one that is asked about from there to the place outside, where the drawn frontend's connections
// end so and those of its node arrive.
func (f Fault) asked(end Outcome) Fault {
	inForce, heal, want := f.Break, f.Heal, f.Want
	f.Break = func(ctx context.Context, l *Lab, d *Draw) error {
		if err := l.outsideWell(ctx, d); err != nil {
			return err
		}
		if err := inForce(ctx, l, d); err != nil {
			return err
		}
		return l.expectLeaving(ctx, d.Task, Outside, end, Opened)
	}
	f.Heal = func(ctx context.Context, l *Lab, d *Draw) error {
		if err := heal(ctx, l, d); err != nil {
			return err
		}
		if err := l.outsideWell(ctx, d); err != nil {
			return err
		}
		return l.forgetSaid(ctx) // that name servers could not be asked
	}
	f.Want = func(l *Lab, d *Draw) Want {
		return d.askOutside(OutsideName, Outside.Port(), want(l, d).Causes...)
	}
	return f
}
