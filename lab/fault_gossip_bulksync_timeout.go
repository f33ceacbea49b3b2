package lab

import (
	"context"
	"fmt"
	"time"
)

// gossipBulkSync holds back on the wire what is long of another node's gossip over TCP: the exchange of whole tables. All
// that is short passes.
func gossipBulkSync() Fault {
	return Fault{
		ID:      "gossip-bulksync-timeout",
		Doc:     "the wire swallows the long packets of another node's gossip over TCP: tables are not exchanged in full, while news passes by UDP",
		Layer:   "C",
		TwoEnds: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := d.Note("wire", "yes"); err != nil {
				return err
			}
			rules := "add table bridge fairway\nadd chain bridge fairway wire { type filter hook forward priority 0; }\n"
			for _, way := range []string{"iifname", "oifname"} {
				for _, end := range []string{"sport", "dport"} {
					rules += fmt.Sprintf("add rule bridge fairway wire %s %s ip length > 300 tcp %s 7946 drop\n", way, l.fabPort(d.Peer), end)
				}
			}
			if err := l.fabNFT(ctx, rules); err != nil {
				return err
			}
			return l.expectSaid(ctx, d.Peer, "Bulk sync to node .* timed out|ulk sync to node .* failed", 4, 4*time.Minute)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["wire"] == "" {
				return nil
			}
			if err := l.fabNFT(ctx, "add table bridge fairway\ndelete table bridge fairway"); err != nil {
				return err
			}
			if err := l.Settle(ctx, 90*time.Second); err != nil {
				return err
			}
			return l.forgetSaid(ctx)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "gossip-bulksync-timeout", Node: d.Peer, Hint: true})
		},
	}
}
