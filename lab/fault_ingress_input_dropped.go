package lab

import (
	"context"
	"fmt"
)

func ingressInputTable() Fault {
	return Fault{
		ID:     "ingress-input-dropped",
		Doc:    "a table of its own in a node's nf_tables drops a published port before it is led away",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			rules := fmt.Sprintf(`table inet site {
	chain early {
		type filter hook prerouting priority raw; policy accept;
		tcp dport %d counter drop
	}
}`, d.Port)
			if _, err := l.Exec(ctx, d.Node, "nft", rules); err != nil {
				return err
			}
			return l.meshBroken(ctx, d)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if _, err := l.Exec(ctx, d.Node, "sh", "-ec", "! nft list table inet site >/dev/null 2>&1 || nft delete table inet site"); err != nil {
				return err
			}
			return l.meshWhole(ctx, d)
		},
		Want: wantMesh("ingress-input-dropped"),
	}
}

func ingressInputRaw() Fault {
	return Fault{
		ID:     "ingress-input-dropped.raw",
		Doc:    "a rule in a node's raw table drops a published port before it is led away",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: breakRules("", "raw", func(ctx context.Context, l *Lab, d *Draw) error {
			_, err := l.Exec(ctx, d.Node, "iptables", "-w", "-t", "raw", "-I", "PREROUTING", "-p", "tcp", "--dport", fmt.Sprint(d.Port), "-j", "DROP")
			return err
		}),
		Heal: healTables,
		Want: wantMesh("ingress-input-dropped"),
	}
}
