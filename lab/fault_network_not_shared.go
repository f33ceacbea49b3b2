package lab

import "context"

func networkNotShared() Fault {
	return Fault{
		ID:    "network-not-shared",
		Doc:   "two services have no network in common, so neither finds the other's name",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if _, err := l.CreateNetwork(ctx, extra+"net", nil); err != nil {
				return err
			}
			s := l.extraService("api", d.Node, []string{extra + "net"}, "-http", ":8080")
			if _, err := l.startExtra(ctx, s); err != nil {
				return err
			}
			return l.expectNoName(ctx, d.Task, s.Name)
		},
		Heal: healExtras,
		Want: wantExtraService("network-not-shared"),
	}
}
