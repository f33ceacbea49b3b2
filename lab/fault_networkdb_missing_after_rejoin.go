package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

func networkDBMissing() Fault {
	return Fault{
		ID:     "networkdb-missing-after-rejoin",
		Doc:    "gossip has lost the entry of a task that runs well: its service's name leads to all but this one",
		Layer:  "C",
		Renews: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			// A task that has just started may not be known yet.
			if err := l.aged(ctx, d.PeerTask, time.Minute); err != nil {
				return err
			}
			id, err := l.NetworkID(ctx, d.Network)
			if err != nil {
				return err
			}
			out, err := l.Exec(ctx, d.Peer, "docker", "inspect", d.PeerTask.Container, "--format",
				fmt.Sprintf("{{(index .NetworkSettings.Networks %q).EndpointID}}", d.Network))
			key := strings.TrimSpace(out)
			if err != nil || key == "" {
				return errors.Join(err, fmt.Errorf("find the endpoint of %s: %q", d.PeerTask.Name, out))
			}
			if err := d.Note("deleted", key); err != nil {
				return err
			}
			if err := l.serveDiagnostics(ctx, d.Peer, true); err != nil {
				return err
			}
			if err := l.diagnostics(ctx, d.Peer, fmt.Sprintf("deleteentry?nid=%s&tname=endpoint_table&key=%s", id, key)); err != nil {
				return err
			}
			found, err := l.expectNames(ctx, d.Task, "tasks."+d.PeerTask.Service, len(l.Nodes)-1)
			if slices.Contains(found, d.target().Addr()) {
				err = fmt.Errorf("%s still resolves to %s", d.PeerTask.Service, d.target().Addr())
			}
			return err
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["deleted"] == "" {
				return nil
			}
			if err := l.serveDiagnostics(ctx, d.Peer, false); err != nil {
				return err
			}
			if err := l.ForceUpdate(ctx, d.PeerTask.Service); err != nil {
				return err
			}
			return l.updated(ctx, d.PeerTask.Service)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "networkdb-missing-after-rejoin", Node: d.Peer, Network: d.Network, Kind: "task", Name: d.PeerTask.Name})
		},
	}
}
