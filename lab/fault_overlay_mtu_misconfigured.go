package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
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
			ns, dev, mtu, err := l.taskDevice(ctx, d.Task, d.Network)
			if err != nil {
				return err
			}
			for k, v := range map[string]string{"ns": ns, "dev": dev, "mtu": fmt.Sprint(mtu)} {
				if err := d.Note(k, v); err != nil {
					return err
				}
			}
			wrong := Pick(d, []int{1280, 1500, 8950})
			if _, err := l.InNS(ctx, d.Node, ns, "ip", "link", "set", dev, "mtu", fmt.Sprint(wrong)); err != nil {
				return err
			}
			return l.expectMTU(ctx, d.Task, d.Network, wrong)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["mtu"] == "" {
				return nil
			}
			_, err := l.InNS(ctx, d.Node, d.Notes["ns"], "ip", "link", "set", d.Notes["dev"], "mtu", d.Notes["mtu"])
			return err
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "overlay-mtu-misconfigured", Node: d.Node, Network: d.Network, Kind: "task", Name: d.Task.Name})
		},
	}
}

// taskDevice is the namespace of a task, and the name and MTU of its interface in a network.
func (l *Lab) taskDevice(ctx context.Context, t Task, network string) (ns, dev string, mtu int, err error) {
	if ns, err = l.TaskNS(ctx, t); err != nil {
		return "", "", 0, err
	}
	out, err := l.InNS(ctx, t.Node, ns, "ip", "-o", "addr")
	if err != nil {
		return "", "", 0, err
	}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if p, err := netip.ParsePrefix(f[3]); err == nil && p.Addr() == t.Addrs[network] {
			dev = f[1]
		}
	}
	if dev == "" {
		return "", "", 0, fmt.Errorf("%s: no interface has %s", t.Name, t.Addrs[network])
	}
	out, err = l.InNS(ctx, t.Node, ns, "cat", "/proc/sys/net/ipv4/conf/"+dev+"/forwarding")
	_ = out
	return ns, dev, mtu, err
}
