package cli

import (
	"context"
	"fmt"
	"net/netip"

	"fairway/internal/deploy"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// unmanaged speaks to a node's agent where the managers do not answer: nobody
// names the service then. But the operator's keys are here, and an agent is
// believed to be one of this Swarm's only if it has such a key's CA.
func (w *ways) unmanaged(ctx context.Context, s *fact.Snapshot, h host) (fleet.Node, *fact.Gap) {
	gap := w.noAgents(s, h)
	keys, err := deploy.AllKeys(w.config)
	if err != nil {
		gap.Reason += "; " + err.Error()
	}
	at := netip.AddrPortFrom(h.addr, deploy.Port)
	for _, k := range keys {
		config, err := fleet.ClientTLS(k.CA, k.Cert, k.Key, w.now)
		if err == nil {
			var n fleet.Node
			if n, _, err = greet(ctx, h, at, config); err == nil {
				return n, nil
			}
		}
		gap.Reason = fmt.Sprintf("not looked at: without the managers nobody knows of agents, and none answers at %s (%s)", at, plainly(err))
	}
	return nil, gap
}
