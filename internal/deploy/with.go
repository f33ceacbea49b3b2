package deploy

import (
	"context"
	"errors"
	"fmt"
)

// With runs do while agents are deployed. Agents that are there already are used
// and left as they are; those that it deploys itself it removes again, also when
// do fails or the operator stops it; created says that it did deploy them. A node
// without an agent does not keep do from running.
func (s *Swarm) With(ctx context.Context, p Plan, do func(context.Context) error) (created bool, err error) {
	h, err := s.read(ctx)
	if err != nil {
		return false, err
	}
	if h.service != nil {
		if err := h.needsKey(false); err != nil {
			return false, err
		}
		s.sayf("agents are deployed already and stay")
		return false, do(ctx)
	}
	// Deferred: agents must not stay because of a bug in do.
	defer func() {
		created = h.created
		if !created {
			return
		}
		if undone := s.Remove(context.WithoutCancel(ctx)); undone != nil {
			err = errors.Join(err, fmt.Errorf("take the agents away again: %w; `fairway remove` does it, too", undone))
		}
	}()
	if _, err = s.deploy(ctx, h, p); err != nil {
		return false, err
	}
	return true, do(ctx)
}
