//go:build !linux

package cli

import (
	"context"
	"errors"

	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// Probe implements fleet.Node where there are no network namespaces.
func (l *local) Probe(context.Context, fleet.ProbeRequest) (*fleet.ProbeAnswer, error) {
	return nil, errors.New("probe from inside a task: this system has no network namespaces; run fairway on a Swarm node")
}

// flows counts nothing there, and says so.
func (l *local) flows(context.Context, fleet.WatchRequest) ([]fact.Flow, []fact.Gap) {
	return nil, []fact.Gap{{Node: l.request().Node, Kind: fact.KindUnderlay, NetNS: "host", Class: fact.ClassUnsupported,
		Reason: "count packets of the host: this system has no packet sockets", Do: "run fairway on a Swarm node"}}
}
