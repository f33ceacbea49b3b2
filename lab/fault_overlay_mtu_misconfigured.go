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

func overlayMTUNode() Fault {
	return Fault{
		ID:    "overlay-mtu-misconfigured.node",
		Doc:   "all links of an overlay on one node have another MTU than on the others",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			_, dev, err := l.taskDevice(ctx, d.Task, d.Network)
			if err != nil {
				return err
			}
			wrong := Pick(d, []int{1300, 1400, 1414})
			if err := d.Note("from", fmt.Sprint(dev.MTU)); err != nil {
				return err
			}
			if err := d.Note("to", fmt.Sprint(wrong)); err != nil {
				return err
			}
			if err := l.changeMTU(ctx, d, d.Notes["from"], d.Notes["to"]); err != nil {
				return err
			}
			return l.expectMTU(ctx, d.Task, d.Network, wrong)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["to"] == "" {
				return nil
			}
			return l.changeMTU(ctx, d, d.Notes["to"], d.Notes["from"])
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "overlay-mtu-misconfigured", Node: d.Node, Network: d.Network, Kind: "node", Name: d.Node})
		},
	}
}

// changeMTU sets every link of the drawn node's overlays that has one MTU to another; bridges follow their ports.
func (l *Lab) changeMTU(ctx context.Context, d *Draw, from, to string) error {
	script := fmt.Sprintf(`for ns in /run/docker/netns/*; do
	for link in $(nsenter --net=$ns ip -o link 2>/dev/null | grep ' mtu %s ' | cut -d ' ' -f 2 | cut -d @ -f 1 | tr -d : | grep -v '^br'); do
		nsenter --net=$ns ip link set $link mtu %s
	done
done`, from, to)
	_, err := l.Exec(ctx, d.Node, "sh", "-ec", script)
	return err
}

// expectMTU proves the MTU of a task's interface in a network.
func (l *Lab) expectMTU(ctx context.Context, t Task, network string, want int) error {
	_, dev, err := l.taskDevice(ctx, t, network)
	if err == nil && dev.MTU != want {
		err = fmt.Errorf("%s of %s has MTU %d and not %d", dev.Name, t.Name, dev.MTU, want)
	}
	return err
}
