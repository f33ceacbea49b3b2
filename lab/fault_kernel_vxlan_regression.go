package lab

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// kernelVXLANRegression makes a node lose overlay packets behind its firewall,
// as a faulty kernel does: no kernel can be changed here, so a rule looks at the
// VNI inside the packet, and every other datagram to the port passes.
func kernelVXLANRegression() Fault {
	return Fault{
		ID:      "kernel-vxlan-regression",
		Doc:     "a node's kernel takes overlay packets from the wire and loses them before the vxlan link",
		Layer:   "K",
		TwoEnds: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			vxlan, err := l.InOverlay(ctx, d.Peer, d.Network, "ip", "-d", "link", "show", "vxlan0")
			if err != nil {
				return err
			}
			m := regexp.MustCompile(`vxlan id (\d+) .*dstport (\d+)`).FindStringSubmatch(strings.ReplaceAll(vxlan, "\n", " "))
			if m == nil {
				return fmt.Errorf("%s: no VNI in %s", d.Peer, vxlan)
			}
			if err := d.Note("rules", "yes"); err != nil {
				return err
			}
			_, err = l.Exec(ctx, d.Peer, "nft", fmt.Sprintf("add table ip fairway; add chain ip fairway in { type filter hook input priority 10; }; "+
				"add rule ip fairway in udp dport %s @th,96,24 %s counter drop", m[2], m[1]))
			if err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["rules"] == "" {
				return nil
			}
			if _, err := l.Exec(ctx, d.Peer, "nft", "add table ip fairway; delete table ip fairway"); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "kernel-vxlan-regression", Node: d.Peer, Network: d.Network, Name: d.Peer})
		},
	}
}
