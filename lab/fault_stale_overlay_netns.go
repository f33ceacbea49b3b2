package lab

import (
	"context"
	"fmt"
	"time"
)

func staleOverlayNetns() Fault {
	return Fault{
		ID:    "stale-overlay-netns",
		Doc:   "a second namespace of the overlay is on a node and holds its VXLAN device; the engine writes into the first one",
		Layer: "X",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			old, err := l.vxlan(ctx, d.Node, d.Network)
			if err != nil {
				return err
			}
			if err := l.noteVXLAN(ctx, d, old); err != nil {
				return err
			}
			id, err := l.NetworkID(ctx, d.Network)
			if err != nil {
				return err
			}
			handle := "/run/docker/netns/2-" + id[:10]
			if err := d.Note("handle", handle); err != nil {
				return err
			}
			lines := fmt.Sprintf("touch %[1]s\nunshare --net=%[1]s ip link set lo up", handle)
			if _, err := l.Exec(ctx, d.Node, "sh", "-ec", lines); err != nil {
				return err
			}
			if _, err := l.InOverlay(ctx, d.Node, d.Network, "ip", "link", "set", "vxlan0", "netns", handle); err != nil {
				return err
			}
			if _, err := l.InNS(ctx, d.Node, handle, "ip", "link", "set", "vxlan0", "up"); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout, Unreachable)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["handle"] == "" {
				return nil
			}
			lines := fmt.Sprintf("nsenter --net=%[1]s ip link del vxlan0\numount %[1]s\nrm -f %[1]s", d.Notes["handle"])
			if _, err := l.Exec(ctx, d.Node, "sh", "-c", "{ "+lines+"\n} 2>/dev/null || true"); err != nil {
				return err
			}
			if out, err := l.Exec(ctx, d.Node, "sh", "-c", "ls -d "+d.Notes["handle"]+" 2>/dev/null || true"); err != nil || out != "" {
				return fmt.Errorf("%s is still there: %w", d.Notes["handle"], err)
			}
			return healVXLAN(ctx, l, d)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "stale-overlay-netns", Node: d.Node, Network: d.Network})
		},
	}
}
