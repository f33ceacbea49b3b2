package lab

import "context"

func ingressChainFlush() Fault {
	return Fault{
		ID:     "ingress-chain-missing",
		Doc:    "something flushed the chain of the routing mesh in a node's nat table",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: breakRulesUntil((*Lab).meshRuleGone, "", "nat", func(ctx context.Context, l *Lab, d *Draw) error {
			chain, err := l.meshChain(ctx, d.Node)
			if err != nil {
				return err
			}
			if chain == "DOCKER" { // which may well be empty: it is no sign of a loss
				if err := l.deleteJumps(ctx, d.Node, chain, "PREROUTING", "OUTPUT"); err != nil {
					return err
				}
			}
			_, err = l.Exec(ctx, d.Node, "iptables", "-w", "-t", "nat", "-F", chain)
			return err
		}),
		Heal: healTables,
		Want: wantMesh("ingress-chain-missing"),
	}
}

func ingressChainJump() Fault {
	return Fault{
		ID:     "ingress-chain-missing.jump",
		Doc:    "the jump from PREROUTING to the chain of the routing mesh is gone on a node",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: breakRulesUntil((*Lab).meshRuleGone, "", "nat", func(ctx context.Context, l *Lab, d *Draw) error {
			chain, err := l.meshChain(ctx, d.Node)
			if err != nil {
				return err
			}
			return l.deleteJumps(ctx, d.Node, chain, "PREROUTING")
		}),
		Heal: healTables,
		Want: wantMesh("ingress-chain-missing"),
	}
}

func (l *Lab) deleteJumps(ctx context.Context, node, to string, from ...string) error {
	for _, chain := range from {
		if err := l.dropRules(ctx, node, "", "nat", chain, "-j "+to+"$"); err != nil {
			return err
		}
	}
	return nil
}
