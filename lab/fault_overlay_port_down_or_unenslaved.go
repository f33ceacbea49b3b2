package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

func overlayPort() Fault {
	return Fault{
		ID:    "overlay-port-down-or-unenslaved",
		Doc:   "a port of a node's overlay bridge is down or has left it: the VXLAN device's, or one task's",
		Layer: "X",
		Break: breakPort,
		Heal:  healPort,
		Want: func(_ *Lab, d *Draw) Want {
			c := Cause{ID: "overlay-port-down-or-unenslaved", Node: d.Node, Network: d.Network}
			if d.Notes["port"] != "vxlan0" {
				c.Kind, c.Name = "task", d.Task.Name
			}
			return d.ask(c)
		},
	}
}

// breakPort takes the VXLAN device or the frontend's own port down or out of the bridge.
func breakPort(ctx context.Context, l *Lab, d *Draw) error {
	port, err := l.taskPort(ctx, d.Task, d.Network)
	if err != nil {
		return err
	}
	port = Pick(d, []string{"vxlan0", port})
	action := Pick(d, []string{"down", "nomaster"})
	rows, err := l.Neighbours(ctx, d.Node, d.Network)
	if err != nil {
		return err
	}
	// A device that goes down loses its neighbour rows, permanent ones too.
	undo := []string{fmt.Sprintf("ip link set %s master br0", port), fmt.Sprintf("ip link set %s up", port)}
	for _, n := range rows {
		if port == "vxlan0" {
			undo = append(undo, fmt.Sprintf("ip neigh replace %s lladdr %s dev vxlan0 nud permanent", n.IP, n.MAC))
		}
	}
	if err := d.Note("port", port); err != nil {
		return err
	}
	if err := d.Note("undo", strings.Join(undo, "\n")); err != nil {
		return err
	}
	if err := l.overlayLines(ctx, d.Node, d.Network, []string{fmt.Sprintf("ip link set %s %s", port, action)}); err != nil {
		return err
	}
	return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout, Unreachable)
}

func healPort(ctx context.Context, l *Lab, d *Draw) error {
	if d.Notes["undo"] == "" {
		return nil
	}
	if err := l.overlayLines(ctx, d.Node, d.Network, strings.Split(d.Notes["undo"], "\n")); err != nil {
		return err
	}
	return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
}

// link is what ip -j link says of one link.
type link struct {
	Name   string   `json:"ifname"`
	Index  int      `json:"ifindex"`
	Peer   int      `json:"link_index"`
	Flags  []string `json:"flags"`
	Master string   `json:"master"`
}

func readLinks(out string) ([]link, error) {
	var links []link
	if err := json.Unmarshal([]byte(out), &links); err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	return links, nil
}

// taskPort finds the bridge port in an overlay's namespace that is the other end of a task's interface.
func (l *Lab) taskPort(ctx context.Context, t Task, network string) (string, error) {
	ns, err := l.TaskNS(ctx, t)
	if err != nil {
		return "", err
	}
	out, err := l.InNS(ctx, t.Node, ns, "ip", "-j", "-d", "addr", "show", "to", t.Addrs[network].String())
	if err != nil {
		return "", err
	}
	inside, err := readLinks(out)
	if err != nil {
		return "", err
	}
	// ip -j writes {} for each interface that the address does not match
	inside = slices.DeleteFunc(inside, func(k link) bool { return k.Index == 0 })
	if len(inside) != 1 {
		return "", fmt.Errorf("%s: %d interfaces have %s", t.Name, len(inside), t.Addrs[network])
	}
	out, err = l.InOverlay(ctx, t.Node, network, "ip", "-j", "link", "show", "type", "veth")
	if err != nil {
		return "", err
	}
	ports, err := readLinks(out)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(ports, func(k link) bool { return k.Peer == inside[0].Index })
	if i < 0 {
		return "", fmt.Errorf("no port of %s on %s belongs to %s", network, t.Node, t.Name)
	}
	return ports[i].Name, nil
}
