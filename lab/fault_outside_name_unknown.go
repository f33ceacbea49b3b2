package lab

import "context"

// outsideNameUnknown asks for a name that is nobody's: there is nothing to break.
func outsideNameUnknown() Fault {
	const name = "nobody.outside.test"
	return Fault{
		ID:    "outside-name-unknown",
		Doc:   "the name servers outside know no such name",
		Layer: "D",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.outsideWell(ctx, d); err != nil {
				return err
			}
			return l.expectNoName(ctx, d.Task, name)
		},
		Heal: func(context.Context, *Lab, *Draw) error { return nil },
		Want: func(_ *Lab, d *Draw) Want {
			return d.askOutside(name, Outside.Port(), Cause{ID: "outside-name-unknown"})
		},
	}
}
