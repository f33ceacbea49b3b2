package lab

import (
	"context"
	"fmt"
)

// outsideRefused asks for a port where nobody listens: there is nothing to break.
func outsideRefused() Fault {
	return Fault{
		ID:    "outside-unreachable.refused",
		Doc:   "nobody listens on the port outside that is asked for",
		Layer: "A",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			return l.expectOutside(ctx, d.Task, outsidePort(), Refused, Refused)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error { return l.outsideWell(ctx, d) },
		Want: func(_ *Lab, d *Draw) Want {
			return d.askOutside(OutsideName, outsidePort().Port(), Cause{ID: "outside-unreachable"})
		},
	}
}

// outsideSilent has the place outside drop whatever it would answer; the nodes' name servers go on knowing it.
func outsideSilent() Fault {
	rule := fmt.Sprintf("pref 1 from %s blackhole", Outside.Addr())
	return Fault{
		ID:    "outside-unreachable.silent",
		Doc:   "a place outside is silent: nobody gets an answer from there",
		Layer: "U",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := d.Note("silent", "yes"); err != nil {
				return err
			}
			if err := l.inWires(ctx, "ip rule add "+rule); err != nil {
				return err
			}
			return l.expectOutside(ctx, d.Task, Outside, Timeout, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["silent"] == "" {
				return nil
			}
			if err := l.inWires(ctx, "ip rule del "+rule+" 2>/dev/null || true"); err != nil {
				return err
			}
			return l.outsideWell(ctx, d)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.askOutside(OutsideName, Outside.Port(), Cause{ID: "outside-unreachable"})
		},
	}
}
