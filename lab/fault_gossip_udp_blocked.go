package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// gossipUDPBlocked takes UDP from another node's gossip. Nothing happens until something changes: then that node only hears
// of it when it exchanges everything with another over TCP, every 30 s. So the fault watches such exchanges, and
// starts a service when a quiet time begins.
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
			if err := l.awaitQuiet(ctx, d); err != nil {
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

// awaitQuiet returns when the peer will probably hear nothing for 15 s: 30 s after a moment at which it did not, because
// every engine exchanges with one other each 30 s since its start (NetworkDB, all versions).
func (l *Lab) awaitQuiet(ctx context.Context, d *Draw) error {
	for n := range 4 {
		begin := time.Now()
		news, err := l.startExtra(ctx, l.extraService(fmt.Sprint("news", n), d.Node, []string{d.Network}))
		if err != nil {
			return err
		}
		if err := l.expectHeard(ctx, d, news, 50*time.Second); err != nil {
			return err
		}
		if time.Since(begin) > 15*time.Second {
			time.Sleep(time.Until(begin.Add(30 * time.Second)))
			return nil
		}
		time.Sleep(time.Second)
	}
	return fmt.Errorf("%s hears of everything within 15 s, without UDP", d.Peer)
}

func (l *Lab) expectHeard(ctx context.Context, d *Draw, t Task, wait time.Duration) error {
	return poll(ctx, wait, d.Peer+" to hear of "+t.Name, func() (bool, error) { return l.heard(ctx, d, t) })
}
