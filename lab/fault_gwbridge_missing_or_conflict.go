package lab

import (
	"context"
	"fmt"
	"strings"
)

func gwbridgeMissing() Fault {
	return Fault{
		ID:    "gwbridge-missing-or-conflict",
		Doc:   "a node's docker_gwbridge was deleted",
		Layer: "B",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			undo, err := l.Exec(ctx, d.Node, "sh", "-ec", rebuildBridge)
			if err != nil {
				return err
			}
			if err := d.Note("undo on node", undo); err != nil {
				return err
			}
			if _, err := l.Exec(ctx, d.Node, "ip", "link", "del", "docker_gwbridge"); err != nil {
				return err
			}
			if _, err := l.Exec(ctx, d.Node, "ip", "link", "show", "docker_gwbridge"); err == nil {
				return fmt.Errorf("%s still has docker_gwbridge", d.Node)
			}
			return nil
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := undoOnNode(ctx, l, d); err != nil {
				return err
			}
			ports, err := l.Exec(ctx, d.Node, "sh", "-c", "ls /sys/class/net/docker_gwbridge/brif")
			if want := strings.Count(d.Notes["undo on node"], " master "); err == nil && len(strings.Fields(ports)) != want {
				err = fmt.Errorf("docker_gwbridge of %s has the ports %q, want %d", d.Node, ports, want)
			}
			return err
		},
		Want: func(_ *Lab, d *Draw) Want { return d.checkNode("gwbridge-missing-or-conflict") },
	}
}

// rebuildBridge prints the commands that make docker_gwbridge as it is now.
const rebuildBridge = `
b=docker_gwbridge
echo "ip link show $b >/dev/null 2>&1 || ip link add $b txqueuelen $(cat /sys/class/net/$b/tx_queue_len) address $(cat /sys/class/net/$b/address) type bridge"
ip -4 -o addr show $b | while read -r _ _ _ a _ brd _; do echo "ip addr replace $a brd $brd dev $b"; done
echo "ip link set $b up"
for p in $(ls /sys/class/net/$b/brif); do echo "ip link set $p master $b"; done
echo "sysctl -qw net.ipv4.conf.$b.route_localnet=$(cat /proc/sys/net/ipv4/conf/$b/route_localnet)"
`
