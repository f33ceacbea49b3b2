package lab

import "context"

func outsideByName() Situation {
	return Situation{
		ID:    "healthy.outside-by-name",
		Doc:   "a service asks for a place outside the Swarm by its name",
		Setup: func(ctx context.Context, l *Lab, d *Draw) error { return l.outsideWell(ctx, d) },
		Asks:  func(d *Draw) []Want { return []Want{d.askOutside(OutsideName, Outside.Port())} },
		Undo:  func(context.Context, *Lab, *Draw) error { return nil },
	}
}

func outsideByAddress() Situation {
	s := outsideByName()
	s.ID, s.Doc = "healthy.outside-by-address", "a service asks for a place outside the Swarm by its address"
	s.Asks = func(d *Draw) []Want { return []Want{d.askOutside(Outside.Addr().String(), Outside.Port())} }
	return s
}
