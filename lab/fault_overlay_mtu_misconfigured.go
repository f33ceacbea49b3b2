package lab

import (
	"context"
	"fmt"
)

const mtuOption = "com.docker.network.driver.mtu"

func overlayMTUOption() Fault {
	return Fault{
		ID:    "overlay-mtu-misconfigured.option",
		Doc:   "an overlay was created for an underlay of 9000 bytes, and the underlay carries 1500",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if _, err := l.CreateNetwork(ctx, extra+"net", map[string]string{mtuOption: "9000"}); err != nil {
				return err
			}
			front, err := l.startExtra(ctx, l.extraService("web", d.Node, []string{extra + "net"}, "-http", ":8080"))
			if err != nil {
				return err
			}
			back, err := l.startExtra(ctx, l.extraService("api", d.Peer, []string{extra + "net"}, "-http", ":8080"))
			if err != nil {
				return err
			}
			if _, err := l.expectNames(ctx, front, "tasks."+back.Service, 1); err != nil {
				return err
			}
			return l.expectMTU(ctx, front, extra+"net", 8950)
		},
		Heal: healExtras,
		Want: func(_ *Lab, d *Draw) Want {
			w := d.askExtra("api", Cause{ID: "overlay-mtu-misconfigured", Network: extra + "net", Kind: "network", Name: extra + "net"})
			w.From = extra + "web"
			return w
		},
	}
}

func overlayMTUSandbox() Fault {
	return Fault{
		ID:    "overlay-mtu-misconfigured.sandbox",
		Doc:   "one task's interface has another MTU than its overlay",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			ns, dev, err := l.taskDevice(ctx, d.Task, d.Network)
			if err != nil {
				return err
			}
			wrong := Pick(d, []int{1280, 1500, 8950})
			if err := d.Note("undo", fmt.Sprintf("ip link set %s mtu %d", dev.Name, dev.MTU)); err != nil {
				return err
			}
			if _, err := l.InNS(ctx, d.Node, ns, "ip", "link", "set", dev.Name, "mtu", fmt.Sprint(wrong)); err != nil {
				return err
			}
			return l.expectMTU(ctx, d.Task, d.Network, wrong)
		},
		Heal: undoInTask,
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "overlay-mtu-misconfigured", Node: d.Node, Network: d.Network, Kind: "task", Name: d.Task.Name})
		},
	}
}

// expectMTU proves the MTU of a task's interface in a network.
func (l *Lab) expectMTU(ctx context.Context, t Task, network string, want int) error {
	_, dev, err := l.taskDevice(ctx, t, network)
	if err == nil && dev.MTU != want {
		err = fmt.Errorf("%s of %s has MTU %d and not %d", dev.Name, t.Name, dev.MTU, want)
	}
	return err
}
