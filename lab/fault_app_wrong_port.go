package lab

import "context"

func appWrongPort() Fault {
	return Fault{
		ID:    "app-wrong-port",
		Doc:   "the program listens on another port than the one asked for, or than the one its service publishes",
		Layer: "A",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Node, []string{d.Network}, "-http", Pick(d, []string{":80", ":9090", ":3000"}))
			if Pick(d, []bool{true, false}) {
				l.Publish(&s, 8080)
				s.EndpointSpec.Ports[0].PublishedPort = 18080
			}
			_, err := l.startAndExpect(ctx, d, s, Refused)
			return err
		},
		Heal: healExtras,
		Want: wantExtraTask("app-wrong-port"),
	}
}
