package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
)

func addressPoolOverlap() Fault {
	return Fault{
		ID:    "address-pool-overlap",
		Doc:   "a node's second network card is on a network whose addresses are a part of the overlay's: containers there do not reach it",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			text, err := l.subnet(ctx, d.Network)
			if err != nil {
				return err
			}
			subnet, err := netip.ParsePrefix(text)
			if err != nil {
				return err
			}
			at := subnet.Addr().As4()
			at[3] = 200 // the engine gives out low addresses first
			if err := d.Note("lan", fmt.Sprintf("%s/28", netip.AddrFrom4(at))); err != nil {
				return err
			}
			add := "ip link add x-lan type veth peer name x-lan2; ip link set x-lan2 up; ip link set x-lan up; ip addr add " + d.Notes["lan"] + " dev x-lan"
			if _, err := l.Exec(ctx, d.Node, "sh", "-ec", add); err != nil {
				return err
			}
			ns, err := l.TaskNS(ctx, d.Task)
			if err != nil {
				return err
			}
			at[3]++
			out, err := l.InNS(ctx, d.Node, ns, "ip", "route", "get", netip.AddrFrom4(at).String())
			if err == nil && strings.Contains(out, " via ") {
				err = fmt.Errorf("%s has a way out to %v: %s", d.Task.Name, at, out)
			}
			return err
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["lan"] == "" {
				return nil
			}
			_, err := l.Exec(ctx, d.Node, "sh", "-c", "ip link del x-lan 2>/dev/null; ! ip link show x-lan 2>/dev/null")
			return err
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "address-pool-overlap", Node: d.Node, Network: d.Network, Kind: "network", Name: d.Network})
		},
	}
}
