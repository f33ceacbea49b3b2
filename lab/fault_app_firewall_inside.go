package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

func appFirewallInside() Fault {
	return Fault{
		ID:    "app-firewall-inside",
		Doc:   "rules inside a backend on the asking node drop its port",
		Layer: "A",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			backs, err := l.Running(ctx, d.PeerTask.Service, d.Node)
			if err != nil || len(backs) == 0 {
				return fmt.Errorf("no task of %s runs on %s: %w", d.PeerTask.Service, d.Node, err)
			}
			t := backs[0]
			if err := d.Note("name", t.Name); err != nil {
				return err
			}
			ns, err := l.TaskNS(ctx, t)
			if err != nil {
				return err
			}
			rule := fmt.Sprintf("INPUT -p tcp --dport %d -j %s", d.Port, Pick(d, []string{"DROP", "REJECT"}))
			undo := fmt.Sprintf("nsenter --net=%s iptables -w -D %s", ns, rule)
			if rules, err := l.InNS(ctx, d.Node, ns, "iptables-save"); err == nil && !strings.Contains(rules, "*filter") {
				undo += fmt.Sprintf("; nsenter --net=%s nft delete table ip filter 2>/dev/null || true", ns)
			}
			if err := d.Note("undo on node", undo); err != nil {
				return err
			}
			if _, err := l.InNS(ctx, d.Node, ns, "sh", "-ec", "iptables -w -A "+rule); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, netip.AddrPortFrom(t.Addrs[d.Network], uint16(d.Port)), 8*time.Second, Timeout, Refused, Unreachable)
		},
		Heal: undoOnNode,
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "app-firewall-inside", Node: d.Node, Kind: "task", Name: d.Notes["name"]})
		},
	}
}
