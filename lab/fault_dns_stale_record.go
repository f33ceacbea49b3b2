package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

func dnsStaleRecord() Fault {
	return Fault{
		ID:     "dns-stale-record",
		Doc:    "the resolvers still lead to a task that is long gone, although gossip has forgotten it: its service's name leads to an address that nobody has",
		Layer:  "D",
		Renews: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ghost, value, err := l.ghostRecord(ctx, d, 0)
			if err != nil {
				return err
			}
			if err := l.createGhost(ctx, d, ghost, value); err != nil {
				return err
			}
			// Engines before 29 add the address of a changed entry and forget to take the old one away; then the entry goes,
			// with the address it had last.
			_, other, err := l.ghostRecord(ctx, d, 1)
			if err != nil {
				return err
			}
			for _, query := range []string{"updateentry?" + d.Notes["entry"] + "&value=" + other, "deleteentry?" + d.Notes["entry"]} {
				if err := l.diagnostics(ctx, d.Peer, query); err != nil {
					return err
				}
			}
			time.Sleep(time.Second)
			found, err := l.Resolve(ctx, d.Task, "tasks."+d.PeerTask.Service)
			if err != nil || slices.Contains(found, ghost) {
				return errors.Join(err, l.serveDiagnostics(ctx, d.Peer, false))
			}
			// Engine 29 does it well: there a name is stale only as long as gossip is.
			if err := d.Note("gossip", "too"); err != nil {
				return err
			}
			return l.createGhost(ctx, d, ghost, value)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["entry"] == "" {
				return nil
			}
			if err := l.deleteGhost(ctx, d); err != nil || d.Notes["gossip"] != "" {
				return err
			}
			// Resolvers forget a network's names when its last task on their node goes.
			if err := l.startAnew(ctx, "api", "web"); err != nil {
				return err
			}
			fronts, err := l.Running(ctx, d.Task.Service, d.Node)
			if err != nil || len(fronts) == 0 {
				return errors.Join(err, fmt.Errorf("no task of %s runs on %s", d.Task.Service, d.Node))
			}
			d.Task = fronts[0]
			return l.expectGhost(ctx, d, netip.MustParseAddr(d.Notes["ghost"]), false)
		},
		Want: func(_ *Lab, d *Draw) Want {
			// All engines but the peer's: which of them were asked is not known here.
			c := Cause{ID: "dns-stale-record", Network: d.Network, Kind: "service", Name: d.PeerTask.Service}
			if d.Notes["gossip"] != "" {
				c.ID = "networkdb-stale-entries"
			}
			return d.ask(c)
		},
	}
}

// startAnew takes all tasks of services away at once and starts as many again.
func (l *Lab) startAnew(ctx context.Context, services ...string) error {
	scale := func(n uint64) error {
		for _, s := range services {
			if err := l.UpdateService(ctx, s, func(spec *swarm.ServiceSpec) { spec.Mode.Replicated.Replicas = &n }); err != nil {
				return err
			}
		}
		return nil
	}
	if err := scale(0); err != nil {
		return err
	}
	err := poll(ctx, 60*time.Second, "all tasks to go", func() (bool, error) {
		tasks, err := l.Tasks(ctx)
		return err == nil && !slices.ContainsFunc(tasks, func(t Task) bool {
			return t.State == swarm.TaskStateRunning && slices.Contains(services, t.Service)
		}), err
	})
	if err := errors.Join(err, scale(uint64(len(l.Nodes)))); err != nil {
		return err
	}
	return l.Settle(ctx, time.Minute)
}
