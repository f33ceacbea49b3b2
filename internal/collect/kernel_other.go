//go:build !linux

package collect

import (
	"context"
	"errors"
	"fmt"

	"fairway/internal/fact"
)

var errNoKernel = fmt.Errorf("read kernel state: only on Linux, and only of the host the engine runs on: %w", errors.ErrUnsupported)

// Kernel reads nothing on this system and says so in a gap.
func Kernel(ctx context.Context, req KernelRequest) (*fact.Kernel, []fact.Gap) {
	return nil, []fact.Gap{*Ours(ctx, req)}
}

// Ours returns a gap: this host is no engine's.
func Ours(_ context.Context, req KernelRequest) *fact.Gap {
	g := req.gap(fact.KindKernel, "", errNoKernel)
	g.Do = "run fairway on the node itself"
	return &g
}

// Counters reads nothing on this system.
func Counters(context.Context, KernelRequest, []Again) ([]fact.SpaceCounters, []fact.Gap) {
	return nil, nil
}

// WritesRules is not known where this host's kernel is not the engine's.
func WritesRules(*fact.Kernel) string { return "" }
