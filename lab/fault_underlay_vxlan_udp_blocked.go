package lab

import (
	"context"
	"fmt"
	"strings"
	"time"
)

func underlayVXLANBlocked() Fault {
	return Fault{
		ID:    "underlay-vxlan-udp-blocked",
		Doc:   "a node's own firewall drops the VXLAN port, in or out",
		Layer: "U",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			port, err := l.vxlanPort(ctx, d)
			if err != nil {
				return err
			}
			chain := Pick(d, []string{"INPUT", "OUTPUT"})
			if err := l.insertRules(ctx, d, fmt.Sprintf("%s -p udp --dport %s -j DROP", chain, port)); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.deleteRules(ctx, d); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "underlay-vxlan-udp-blocked", Node: d.Node})
		},
	}
}

// vxlanPort asks the kernel, because a swarm may have chosen another than 4789.
func (l *Lab) vxlanPort(ctx context.Context, d *Draw) (string, error) {
	out, err := l.InOverlay(ctx, d.Node, d.Network, "ip", "-d", "link", "show", "vxlan0")
	if err != nil {
		return "", err
	}
	f := strings.Fields(out)
	for i := range f[:len(f)-1] {
		if f[i] == "dstport" {
			return f[i+1], nil
		}
	}
	return "", fmt.Errorf("%s: vxlan0 of %s names no dstport", d.Node, d.Network)
}

// insertRules puts rules at the head of their chains in the drawn node's own namespace.
func (l *Lab) insertRules(ctx context.Context, d *Draw, rules ...string) error {
	return l.insertRulesOn(ctx, d, d.Node, rules...)
}

// insertRulesOn does so in another node's.
func (l *Lab) insertRulesOn(ctx context.Context, d *Draw, node string, rules ...string) error {
	if err := d.Note("rules on", node); err != nil {
		return err
	}
	if err := d.Note("rules", strings.Join(rules, "\n")); err != nil {
		return err
	}
	for _, r := range rules {
		if _, err := l.Exec(ctx, node, append([]string{"iptables", "-w", "-I"}, strings.Fields(r)...)...); err != nil {
			return err
		}
	}
	return nil
}

// deleteRules takes away what insertRules put there; a rule that never came to be is no error.
func (l *Lab) deleteRules(ctx context.Context, d *Draw) error {
	for r := range strings.Lines(d.Notes["rules"]) {
		f := strings.Fields(r)
		if _, err := l.Exec(ctx, d.Notes["rules on"], append([]string{"iptables", "-w", "-C"}, f...)...); err != nil {
			continue
		}
		if _, err := l.Exec(ctx, d.Notes["rules on"], append([]string{"iptables", "-w", "-D"}, f...)...); err != nil {
			return err
		}
	}
	return nil
}
