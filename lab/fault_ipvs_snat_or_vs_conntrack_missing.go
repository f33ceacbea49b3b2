package lab

import (
	"context"
)

// ipvsSNATMissing takes away what brings answers back through the load balancer: the rule, or conntrack of its connections.
func ipvsSNATMissing(id, network, do string) Fault {
	return Fault{
		ID:     id,
		Doc:    "what a node's load balancer passes on keeps its source, so backends answer past it",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, err := l.balancerNS(ctx, d.place(network))
			if err != nil {
				return err
			}
			undo, err := l.restoring(ctx, d.Node, ns, "nat")
			if err != nil {
				return err
			}
			if err := l.rebalance(ctx, d, ns, []string{do}, []string{undo, "sysctl -qw net.ipv4.vs.conntrack=1"}); err != nil {
				return err
			}
			return l.expectUnbalanced(ctx, d, d.place(network), Refused, Timeout)
		},
		Heal: healBalance(network),
		Want: wantBalance("ipvs-snat-or-vs-conntrack-missing", network, ""),
	}
}

// withoutSNAT deletes the rule that gives balanced packets the balancer's own address.
const withoutSNAT = `rule=$(iptables -w -t nat -S POSTROUTING | sed -n 's/^-A \(.*--ipvs .*\)/\1/p'); test -n "$rule"; iptables -w -t nat -D $rule`
