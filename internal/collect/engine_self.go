package collect

import (
	"context"

	"fairway/internal/fact"
)

// Self asks the engine who it is and what part it has in the Swarm: Believed
// without containers and networks, one short question.
func (e *Engine) Self(ctx context.Context) (*fact.Engine, []fact.Gap) {
	out := &fact.Engine{APIVersion: e.api}
	gaps := e.look(fact.KindInfo, "read the engine's info", func(bad *garbled) error { return e.describe(ctx, out, bad) })
	if out.ID == "" && out.Name == "" {
		return nil, gaps
	}
	for i := range gaps {
		gaps[i].Node = out.Name
	}
	return out, gaps
}
