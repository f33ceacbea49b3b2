package lab

import "context"

func appBoundToLoopback() Fault {
	return Fault{
		ID:    "app-bound-to-loopback",
		Doc:   "the program listens on 127.0.0.1 only: it works from inside its container and nowhere else",
		Layer: "A",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Node, []string{d.Network}, "-http", "127.0.0.1:8080")
			_, err := l.startAndExpect(ctx, d, s, Refused)
			return err
		},
		Heal: healExtras,
		Want: wantExtraTask("app-bound-to-loopback"),
	}
}
