package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// gossipUDPBlocked takes UDP from another node's gossip. Nothing happens until something changes: then that node only hears
// of it when it exchanges everything with another over TCP, every 30 s with one that chance chooses. So that this half minute
// lasts as long as somebody looks, the wire holds back what is as long as such an exchange; connecting, and the pings that
// gossip makes over TCP instead of UDP, are short.
func gossipUDPBlocked() Fault {
	return Fault{
		ID:      "gossip-udp-blocked",
		Doc:     "another node's own firewall drops gossip's UDP and not its TCP: news of a task comes up to half a minute late",
		Layer:   "C",
		TwoEnds: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.insertRulesOn(ctx, d, d.Peer, "INPUT -p udp --dport 7946 -j DROP"); err != nil {
				return err
			}
			if err := d.Note("wire", "yes"); err != nil {
				return err
			}
			rules := "add table bridge fairway\nadd chain bridge fairway wire { type filter hook forward priority 0; }\n"
			for _, way := range []string{"iifname", "oifname"} {
				for _, end := range []string{"sport", "dport"} {
					rules += fmt.Sprintf("add rule bridge fairway wire %s %s ip length > 600 tcp %s 7946 drop\n", way, l.fabPort(d.Peer), end)
				}
			}
			if err := l.fabNFT(ctx, rules); err != nil {
				return err
			}
			late, err := l.startExtra(ctx, l.extraService("api", d.Node, []string{d.Network}, "-http", ":8080"))
			if err != nil {
				return err
			}
			time.Sleep(time.Second) // gossip by UDP takes 0.2 s
			heard, err := l.heard(ctx, d, late)
			if heard {
				err = fmt.Errorf("%s heard of %s at once", d.Peer, late.Name)
			}
			return err
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["wire"] != "" {
				if err := l.fabNFT(ctx, "add table bridge fairway\ndelete table bridge fairway"); err != nil {
					return err
				}
			}
			if err := l.deleteRules(ctx, d); err != nil {
				return err
			}
			return l.removeExtras(ctx)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.askExtra("api", Cause{ID: "gossip-udp-blocked", Node: d.Peer, Kind: "node", Name: d.Peer})
		},
	}
}

// heard: the peer's engine has rows for a task.
func (l *Lab) heard(ctx context.Context, d *Draw, t Task) (bool, error) {
	rows, err := l.Neighbours(ctx, d.Peer, d.Network)
	at := t.Addrs[d.Network]
	return at != (netip.Addr{}) && slices.ContainsFunc(rows, func(r Neighbour) bool { return r.IP == at }), err
}
