package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Neighbour is a permanent neighbour row of an overlay's VXLAN device.
type Neighbour struct {
	IP  netip.Addr `json:"dst"`
	MAC string     `json:"lladdr"`
}

// FDBRow is a permanent row of the VXLAN device's own forwarding table.
type FDBRow struct {
	MAC   string     `json:"mac"`
	VTEP  netip.Addr `json:"dst"`
	Flags []string   `json:"flags"`
	State string     `json:"state"`
}

// Neighbours reads the permanent neighbour rows of an overlay in a node.
func (l *Lab) Neighbours(ctx context.Context, node, network string) ([]Neighbour, error) {
	var rows []Neighbour
	err := l.overlayJSON(ctx, node, network, &rows, "ip", "-j", "neigh", "show", "dev", "vxlan0", "nud", "permanent")
	return rows, err
}

// FDB reads the rows that the engine wrote into the forwarding table of an overlay in a node.
func (l *Lab) FDB(ctx context.Context, node, network string) ([]FDBRow, error) {
	var rows []FDBRow
	err := l.overlayJSON(ctx, node, network, &rows, "bridge", "-j", "fdb", "show", "dev", "vxlan0")
	return slices.DeleteFunc(rows, func(r FDBRow) bool {
		return r.State != "permanent" || !slices.Contains(r.Flags, "self") || !r.VTEP.IsValid()
	}), err
}

func (l *Lab) overlayJSON(ctx context.Context, node, network string, to any, argv ...string) error {
	out, err := l.InOverlay(ctx, node, network, argv...)
	if err != nil {
		return err
	}
	if strings.TrimSpace(out) == "" { // ip's way to say []
		return nil
	}
	if err := json.Unmarshal([]byte(out), to); err != nil {
		return fmt.Errorf("read rows of %s on %s: %w", network, node, err)
	}
	return nil
}

// InOverlay runs a command in the namespace of an overlay in a node.
func (l *Lab) InOverlay(ctx context.Context, node, network string, argv ...string) (string, error) {
	ns, err := l.OverlayNS(ctx, node, network)
	if err != nil {
		return "", err
	}
	return l.InNS(ctx, node, ns, argv...)
}

// overlayLines runs several commands, one a line, in the namespace of an overlay.
func (l *Lab) overlayLines(ctx context.Context, node, network string, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	_, err := l.InOverlay(ctx, node, network, "sh", "-ec", strings.Join(lines, "\n"))
	return err
}

// peerRow is how a node finds one remote address: its neighbour row and the forwarding row of that MAC.
func (l *Lab) peerRow(ctx context.Context, node, network string, ip netip.Addr) (mac string, vtep netip.Addr, err error) {
	neighbours, err := l.Neighbours(ctx, node, network)
	if err != nil {
		return "", vtep, err
	}
	i := slices.IndexFunc(neighbours, func(n Neighbour) bool { return n.IP == ip })
	if i < 0 {
		return "", vtep, fmt.Errorf("%s has no neighbour row for %s on %s", node, ip, network)
	}
	rows, err := l.FDB(ctx, node, network)
	if err != nil {
		return "", vtep, err
	}
	j := slices.IndexFunc(rows, func(r FDBRow) bool { return r.MAC == neighbours[i].MAC })
	if j < 0 {
		return "", vtep, fmt.Errorf("%s has no FDB row for %s on %s", node, neighbours[i].MAC, network)
	}
	return neighbours[i].MAC, rows[j].VTEP, nil
}

// forget makes every running task of a node that is on that network forget what it learnt about an address; otherwise its
// own neighbour cache hides a change for minutes.
func (l *Lab) forget(ctx context.Context, node, network string, ip netip.Addr) error {
	tasks, err := l.Tasks(ctx)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if t.Node != node || t.State != "running" || !t.Addrs[network].IsValid() {
			continue
		}
		ns, err := l.TaskNS(ctx, t)
		if err != nil {
			return err
		}
		if _, err := l.InNS(ctx, node, ns, "ip", "neigh", "flush", "to", ip.String()); err != nil {
			return err
		}
	}
	return nil
}

// expectConnect polls until a connection from the drawn task to an address ends in one of the given ways.
func (l *Lab) expectConnect(ctx context.Context, from Task, to netip.AddrPort, wait time.Duration, want ...Outcome) error {
	ns, err := l.TaskNS(ctx, from)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("a connection from %s on %s to %s to end %v", from.Name, from.Node, to, want)
	return poll(ctx, wait, what, func() (bool, error) {
		got, err := l.Connect(from.Node, ns, to, time.Second)
		if err == nil && !slices.Contains(want, got) {
			err = fmt.Errorf("it ends %s", got)
		}
		return err == nil, err
	})
}
