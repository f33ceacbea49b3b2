package lab

import (
	"context"
	"fmt"
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

// dnsUpstreamAsked is the same for a service that asks for a place outside: its name server is there, and not on its node.
func dnsUpstreamAsked() Fault {
	return Fault{
		ID:    "dns-upstream-unreachable.asked",
		Doc:   "a node's own firewall drops what containers ask name servers outside, and one asks for a place outside by its name",
		Layer: "D",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("lookup", d.Node, []string{d.Network})
			s.TaskTemplate.ContainerSpec.DNSConfig = outsideDNS(Outside.Addr())
			t, err := l.startExtra(ctx, s)
			if err != nil {
				return err
			}
			if err := l.expectOutside(ctx, t, Outside, Opened, Opened); err != nil {
				return err
			}
			const rule = "FORWARD -i docker_gwbridge -p %s --dport 53 -j DROP"
			if err := l.insertRules(ctx, d, fmt.Sprintf(rule, "udp"), fmt.Sprintf(rule, "tcp")); err != nil {
				return err
			}
			if err := l.expectNoName(ctx, t, OutsideName); err != nil {
				return err
			}
			return l.expectLeaving(ctx, t, Outside, Opened, Opened)
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
		Want: func(_ *Lab, d *Draw) Want {
			w := d.askOutside(OutsideName, Outside.Port(), Cause{ID: "dns-upstream-unreachable", Node: d.Node})
			w.From = extra + "lookup"
			return w
		},
	}
}
