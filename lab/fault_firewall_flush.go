package lab

import (
	"context"
	"fmt"
	"strings"
)

func firewallFlush() Fault {
	return Fault{
		ID:    "firewall-flush",
		Doc:   "a node's filter and nat rules are flushed, as a reload of a firewall does it",
		Layer: "B",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.noteRules(ctx, d); err != nil {
				return err
			}
			how := Pick(d, []string{"iptables -w -F; iptables -w -t nat -F", "iptables -w -t nat -F", "printf '*nat\\nCOMMIT\\n*filter\\nCOMMIT\\n' | iptables-restore -w"})
			if _, err := l.Exec(ctx, d.Node, "sh", "-ec", how); err != nil {
				return err
			}
			left, err := l.Exec(ctx, d.Node, "iptables", "-w", "-t", "nat", "-S", "POSTROUTING")
			if err == nil && strings.Contains(left, "MASQUERADE") {
				err = fmt.Errorf("%s still has rules of the engine:\n%s", d.Node, left)
			}
			return err
		},
		Heal: restoreRules,
		Want: func(_ *Lab, d *Draw) Want { return d.checkNode("firewall-flush") },
	}
}

// noteRules remembers all rules of the drawn node's own namespace.
func (l *Lab) noteRules(ctx context.Context, d *Draw) error {
	rules, err := l.Exec(ctx, d.Node, "iptables-save")
	if err != nil {
		return err
	}
	return d.Note("rules saved", rules)
}

// restoreRules puts back the rules that noteRules remembered.
func restoreRules(ctx context.Context, l *Lab, d *Draw) error {
	if d.Notes["rules saved"] == "" {
		return nil
	}
	_, err := l.Exec(ctx, d.Node, "sh", "-ec", "iptables-restore -w <<'END'\n"+d.Notes["rules saved"]+"END")
	return err
}
