//go:build !linux

package cli

import (
	"context"
	"errors"

	"fairway/internal/fleet"
)

// Probe implements fleet.Node where there are no network namespaces.
func (l *local) Probe(context.Context, fleet.ProbeRequest) (*fleet.ProbeAnswer, error) {
	return nil, errors.New("probe from inside a task: this system has no network namespaces; run fairway on a Swarm node")
}
