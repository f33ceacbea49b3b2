package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
)

// device is what ip -j addr says of one interface.
type device struct {
	Name  string `json:"ifname"`
	MTU   int    `json:"mtu"`
	MAC   string `json:"address"`
	Addrs []struct {
		Local netip.Addr `json:"local"`
		Bits  int        `json:"prefixlen"`
	} `json:"addr_info"`
}

// has tells whether the interface holds an address.
func (v device) has(ip netip.Addr) bool {
	for _, a := range v.Addrs {
		if a.Local == ip {
			return true
		}
	}
	return false
}

// taskDevice is the namespace of a task and its interface in a network.
func (l *Lab) taskDevice(ctx context.Context, t Task, network string) (ns string, dev device, err error) {
	if ns, err = l.TaskNS(ctx, t); err != nil {
		return "", dev, err
	}
	out, err := l.InNS(ctx, t.Node, ns, "ip", "-j", "addr")
	if err != nil {
		return "", dev, err
	}
	var all []device
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return "", dev, fmt.Errorf("read interfaces of %s: %w", t.Name, err)
	}
	i := slices.IndexFunc(all, func(v device) bool { return v.has(t.Addrs[network]) })
	if i < 0 {
		return "", dev, fmt.Errorf("%s: no interface has %s", t.Name, t.Addrs[network])
	}
	return ns, all[i], nil
}

// undoInTask is the Heal of a fault in the drawn frontend's namespace: it runs the lines that Break noted.
func undoInTask(ctx context.Context, l *Lab, d *Draw) error {
	if d.Notes["undo"] == "" {
		return nil
	}
	ns, err := l.TaskNS(ctx, d.Task)
	if err != nil {
		return err
	}
	_, err = l.InNS(ctx, d.Node, ns, "sh", "-ec", d.Notes["undo"])
	return err
}
