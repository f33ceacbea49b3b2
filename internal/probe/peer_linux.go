package probe

import (
	"context"

	"fairway/internal/fact"
)

// Peers connects from each node's own namespace to a peer's underlay address.
// Nothing is sent: a foreign datagram to 7946 would be logged by the engine as
// a decryption failure, and so would a reset; a connection closed the ordinary
// way is not (seen on 20.10 to 28.5).
func (p *Prober) Peers(ctx context.Context, ask []fact.PeerProbe) []fact.PeerProbe {
	seen := append([]fact.PeerProbe(nil), ask...)
	each(len(seen), func(i int) {
		q := &seen[i]
		a := p.connect(ctx, fact.Source{Node: q.Node}, q.Target)
		q.Outcome, q.Err, q.RTT = a.outcome, a.err, a.rtt
		q.Late, q.ICMP, q.Unsent = a.late, a.icmp, a.unsent
	})
	return seen
}
