package lab

import (
	"context"
	"fmt"
)

func ingressPortRule() Fault {
	return Fault{
		ID:     "ingress-port-rule-missing",
		Doc:    "a node's nat table lacks the rule of one published port",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: breakRulesUntil((*Lab).meshRuleGone, "", "nat", func(ctx context.Context, l *Lab, d *Draw) error {
			chain, err := l.meshChain(ctx, d.Node)
			if err != nil {
				return err
			}
			return l.dropRules(ctx, d.Node, "", "nat", chain, fmt.Sprintf("--dport %d .*-j DNAT", d.Port))
		}),
		Heal: healTables,
		Want: wantMesh("ingress-port-rule-missing"),
	}
}
