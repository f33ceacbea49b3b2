package lab

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

func duplicateMAC() Fault {
	return Fault{
		ID:    "duplicate-mac",
		Doc:   "a standalone container on a third node asked for the MAC address of a task",
		Layer: "X",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			mac, vtep, err := l.peerRow(ctx, d.Node, d.Network, d.target().Addr())
			if err != nil {
				return err
			}
			third := l.third(d)
			if third == "" {
				return fmt.Errorf("no node beside %s and %s", d.Node, d.Peer)
			}
			if err := d.Note("third", third); err != nil {
				return err
			}
			for _, n := range l.Nodes { // the container's end takes the task's rows along
				if n.Name != d.Peer {
					row := fmt.Sprintf("bridge fdb replace %s dev vxlan0 dst %s self permanent", mac, vtep)
					if err := d.Note("row "+n.Name, row); err != nil {
						return err
					}
				}
			}
			run := []string{"docker", "run", "-d", "--name", extra + "mac", "--label", "fairway.lab=extra", "--network", d.Network,
				"--mac-address", mac, echoImage, "/echo", "-http", ":8080"}
			if _, err := l.Exec(ctx, third, run...); err != nil {
				return err
			}
			return l.expectRivals(ctx, d, third, mac)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.removeExtras(ctx); err != nil {
				return err
			}
			for _, n := range l.Nodes {
				if row := d.Notes["row "+n.Name]; row != "" {
					if err := l.overlayLines(ctx, n.Name, d.Network, []string{row}); err != nil {
						return err
					}
				}
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "duplicate-mac", Node: d.Notes["third"], Network: d.Network, Kind: "container", Name: extra + "mac", Peer: d.Peer})
		},
	}
}

// third is a node beside the drawn pair, empty without one.
func (l *Lab) third(d *Draw) string {
	for _, n := range l.Nodes {
		if n.Name != d.Node && n.Name != d.Peer {
			return n.Name
		}
	}
	return ""
}

// expectRivals proves that the drawn frontend does not reach both who have that MAC address: frames go to one of them, and
// which one depends on the engine.
func (l *Lab) expectRivals(ctx context.Context, d *Draw, node, mac string) error {
	out, err := l.Exec(ctx, node, "docker", "inspect", "-f",
		fmt.Sprintf("{{with index .NetworkSettings.Networks %q}}{{.MacAddress}} {{.IPAddress}}{{end}}", d.Network), extra+"mac")
	if err != nil {
		return err
	}
	var got, ip string
	if _, err := fmt.Sscan(out, &got, &ip); err != nil || got != mac {
		return fmt.Errorf("the engine of %s gave %smac %q and not %s: %w", node, extra, out, mac, err)
	}
	rival, err := netip.ParseAddr(ip)
	if err != nil {
		return err
	}
	ns, err := l.TaskNS(ctx, d.Task)
	if err != nil {
		return err
	}
	return poll(ctx, 10*time.Second, "one of the two to be out of reach", func() (bool, error) {
		for _, a := range []netip.Addr{d.target().Addr(), rival} {
			o, err := l.Connect(d.Node, ns, netip.AddrPortFrom(a, uint16(d.Port)), time.Second)
			if err != nil || o == Timeout || o == Unreachable {
				return err == nil, err
			}
		}
		return false, fmt.Errorf("both answer")
	})
}
