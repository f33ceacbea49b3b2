package lab

import (
	"context"
	"net/netip"
)

func networkDBStaleEntries() Fault {
	return Fault{
		ID:    "networkdb-stale-entries",
		Doc:   "gossip still tells of a task that is long gone: its service's name leads to an address that nobody has",
		Layer: "C",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ghost, value, err := l.ghostRecord(ctx, d, 0)
			if err != nil {
				return err
			}
			return l.createGhost(ctx, d, ghost, value)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["entry"] == "" {
				return nil
			}
			if err := l.deleteGhost(ctx, d); err != nil {
				return err
			}
			return l.expectGhost(ctx, d, netip.MustParseAddr(d.Notes["ghost"]), false)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "networkdb-stale-entries", Network: d.Network, Kind: "service", Name: d.PeerTask.Service})
		},
	}
}
