package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

func dataPathPortMismatch() Fault {
	return Fault{
		ID:    "data-path-port-mismatch",
		Doc:   "an overlay's VXLAN device on one node uses another UDP port than the swarm",
		Layer: "X",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			old, err := l.vxlan(ctx, d.Node, d.Network)
			if err != nil {
				return err
			}
			if err := l.noteVXLAN(ctx, d, old); err != nil {
				return err
			}
			wrong := Pick(d, []int{4790, 8472, 7789})
			if err := l.recreateVXLAN(ctx, d, wrong); err != nil {
				return err
			}
			now, err := l.vxlan(ctx, d.Node, d.Network)
			if err != nil {
				return err
			}
			if now.Info.Data.Port != wrong {
				return fmt.Errorf("vxlan0 on %s has port %d and not %d", d.Node, now.Info.Data.Port, wrong)
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["rows"] == "" {
				return nil
			}
			var port int
			if _, err := fmt.Sscan(d.Notes["port"], &port); err != nil {
				return err
			}
			if err := l.recreateVXLAN(ctx, d, port); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "data-path-port-mismatch", Node: d.Node, Network: d.Network})
		},
	}
}

// vxlanLink is what ip -j -d link says of a VXLAN device.
type vxlanLink struct {
	Index int    `json:"ifindex"`
	Queue int    `json:"txqlen"`
	MTU   int    `json:"mtu"`
	MAC   string `json:"address"`
	Info  struct {
		Data struct {
			ID       int  `json:"id"`
			Port     int  `json:"port"`
			Ageing   int  `json:"ageing"`
			Learning bool `json:"learning"`
		} `json:"info_data"`
	} `json:"linkinfo"`
}

func (l *Lab) vxlan(ctx context.Context, node, network string) (vxlanLink, error) {
	out, err := l.InOverlay(ctx, node, network, "ip", "-j", "-d", "link", "show", "vxlan0")
	if err != nil {
		return vxlanLink{}, err
	}
	var links []vxlanLink
	if err := json.Unmarshal([]byte(out), &links); err != nil || len(links) != 1 {
		return vxlanLink{}, fmt.Errorf("read vxlan0 of %s on %s: %q, %w", network, node, out, err)
	}
	return links[0], nil
}

// noteVXLAN remembers all that makes the drawn network's device what it is.
func (l *Lab) noteVXLAN(ctx context.Context, d *Draw, v vxlanLink) error {
	neighbours, err := l.Neighbours(ctx, d.Node, d.Network)
	if err != nil {
		return err
	}
	fdb, err := l.FDB(ctx, d.Node, d.Network)
	if err != nil {
		return err
	}
	rows := []string{
		fmt.Sprintf("ip link set vxlan0 address %s mtu %d", v.MAC, v.MTU),
		"ip link set vxlan0 master br0",
		"ip link set vxlan0 up",
	}
	for _, n := range neighbours {
		rows = append(rows, fmt.Sprintf("ip neigh replace %s lladdr %s dev vxlan0 nud permanent", n.IP, n.MAC))
	}
	for _, r := range fdb {
		rows = append(rows, fmt.Sprintf("bridge fdb replace %s dev vxlan0 dst %s self permanent", r.MAC, r.VTEP))
	}
	learning := "learning"
	if !v.Info.Data.Learning {
		learning = "nolearning"
	}
	data := v.Info.Data
	born := fmt.Sprintf("index %d txqueuelen %d", v.Index, v.Queue)
	if err := d.Note("born", born); err != nil {
		return err
	}
	if err := d.Note("device", fmt.Sprintf("id %d ageing %d %s proxy l2miss l3miss", data.ID, data.Ageing, learning)); err != nil {
		return err
	}
	if err := d.Note("port", fmt.Sprint(data.Port)); err != nil {
		return err
	}
	return d.Note("rows", strings.Join(rows, "\n"))
}

// recreateVXLAN makes the device again with another port. It is born in the node's own namespace and then moved, as the
// engine does it: its socket stays behind there.
func (l *Lab) recreateVXLAN(ctx context.Context, d *Draw, port int) error {
	ns, err := l.OverlayNS(ctx, d.Node, d.Network)
	if err != nil {
		return err
	}
	if _, err := l.InNS(ctx, d.Node, ns, "sh", "-c", "ip link del vxlan0 2>/dev/null || true"); err != nil {
		return err
	}
	lines := fmt.Sprintf("ip link add x-vxlan %s type vxlan dstport %d %s\nip link set x-vxlan netns %s name vxlan0",
		d.Notes["born"], port, d.Notes["device"], ns)
	if _, err := l.Exec(ctx, d.Node, "sh", "-ec", lines); err != nil {
		return err
	}
	return l.overlayLines(ctx, d.Node, d.Network, strings.Split(d.Notes["rows"], "\n"))
}
