package lab

import (
	"context"
	"fmt"
)

func ingressDNATTarget() Fault {
	return Fault{
		ID:     "ingress-dnat-wrong-target",
		Doc:    "a node leads a published port to an address that its ingress sandbox does not have",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: breakRules("", "nat", func(ctx context.Context, l *Lab, d *Draw) error {
			script := fmt.Sprintf(`iptables-save -t nat | sed -e '/--dport %d .*-j DNAT/s/\(--to-destination [0-9]*\.[0-9]*\.[0-9]*\)\.[0-9]*:/\1.250:/' | iptables-restore -T nat
iptables -t nat -S | grep -q 'dport %d .*\.250:'`, d.Port, d.Port)
			_, err := l.Exec(ctx, d.Node, "sh", "-ec", script)
			return err
		}),
		Heal: healTables,
		Want: wantMesh("ingress-dnat-wrong-target"),
	}
}
