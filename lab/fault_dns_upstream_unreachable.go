package lab

import (
	"context"
	"time"
)

// dnsUpstream drops what containers ask name servers outside. Nothing in a lab asks for outside names, so one is asked for.
func dnsUpstream() Fault {
	return Fault{
		ID:    "dns-upstream-unreachable",
		Doc:   "a node's own firewall drops what containers ask name servers outside",
		Layer: "D",
		NotOn: map[string]string{"20.10": "says of a silent name server only in debug mode"},
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.insertRules(ctx, d, "FORWARD -p udp --dport 53 -j DROP", "FORWARD -p tcp --dport 53 -j DROP"); err != nil {
				return err
			}
			s := l.extraService("lookup", d.Node, []string{d.Network})
			s.TaskTemplate.ContainerSpec.DNSConfig = outsideDNS(l.stranger())
			if _, err := l.startExtra(ctx, s); err != nil {
				return err
			}
			t, err := l.Running(ctx, s.Name, d.Node)
			if err != nil {
				return err
			}
			for range 2 {
				_, _ = l.Resolve(ctx, t[0], "example.com") // nobody answers
			}
			return l.expectSaid(ctx, d.Node, `\[resolver\]|external DNS server`, 3, 40*time.Second)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.deleteRules(ctx, d); err != nil {
				return err
			}
			if err := l.removeExtras(ctx); err != nil {
				return err
			}
			return l.forgetSaid(ctx)
		},
		Want: func(_ *Lab, d *Draw) Want { return d.checkNode("dns-upstream-unreachable") },
	}
}
