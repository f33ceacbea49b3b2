package lab

import (
	"context"
	"fmt"
	"regexp"
)

// fwmarkMissing takes the mark of a virtual IP away.
func fwmarkMissing() Fault {
	return Fault{
		ID:     "fwmark-rule-missing-or-conflicting",
		Doc:    "on a node no rule marks connections to a virtual IP: its load balancer refuses them",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, rule, _, err := l.marking(ctx, d, d.Network)
			if err != nil {
				return err
			}
			undo, err := l.restoring(ctx, d.Node, ns, "mangle")
			if err != nil {
				return err
			}
			if err := l.rebalance(ctx, d, ns, []string{"iptables -w -t mangle -D " + rule}, []string{undo}); err != nil {
				return err
			}
			return l.expectUnbalanced(ctx, d, d.Network, Refused, Timeout)
		},
		Heal: healBalance(""),
		Want: wantBalance("fwmark-rule-missing-or-conflicting", "", ""),
	}
}

// fwmarkConflicting adds a rule as a removed service may leave it: the last one wins.
func fwmarkConflicting() Fault {
	return Fault{
		ID:     "fwmark-rule-leaked",
		Doc:    "on a node a later rule gives a published port another mark, which is no service's",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, rule, mark, err := l.marking(ctx, d, ingress)
			if err != nil {
				return err
			}
			undo, err := l.restoring(ctx, d.Node, ns, "mangle")
			if err != nil {
				return err
			}
			leaked := regexp.MustCompile(`0x[0-9a-f]+/`).ReplaceAllString(rule, fmt.Sprintf("%#x/", mark+100+d.rng.IntN(100)))
			if err := l.rebalance(ctx, d, ns, []string{"iptables -w -t mangle -A " + leaked}, []string{undo}); err != nil {
				return err
			}
			return l.expectUnbalanced(ctx, d, ingress, Refused, Timeout)
		},
		Heal: healBalance(ingress),
		Want: wantBalance("fwmark-rule-missing-or-conflicting", ingress, ""),
	}
}
