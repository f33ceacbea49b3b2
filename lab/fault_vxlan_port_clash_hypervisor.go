package lab

import (
	"context"
	"errors"
)

// vxlanPortClash cannot bring a hypervisor that takes the port. What the host
// shows of another program that does is a vxlan link of its own.
func vxlanPortClash() Fault {
	f := vxlanWire("vxlan-port-clash-hypervisor", "the VXLAN port alone is lost between two nodes, and on one of them another overlay uses it", func(l *Lab, d *Draw) error {
		ctx := context.Background()
		port, err := l.vxlanPort(ctx, d)
		if err != nil {
			return err
		}
		_, err = l.Exec(ctx, d.Peer, "ip", "link", "add", "othervxlan", "type", "vxlan", "id", "7", "dstport", port, "dev", "eth0")
		return err
	}, func(d *Draw) Cause {
		return Cause{ID: "vxlan-port-clash-hypervisor", Node: d.Node, Peer: d.Peer}
	})
	f.TwoEnds = true
	heal := f.Heal
	f.Heal = func(ctx context.Context, l *Lab, d *Draw) error {
		_, err := l.Exec(ctx, d.Peer, "sh", "-c", "! ip link show othervxlan 2>/dev/null || ip link del othervxlan")
		return errors.Join(err, heal(ctx, l, d))
	}
	return f
}
