package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// neighTableOverflow lowers the limit of the table of neighbours that all namespaces of the kernel share, so that nobody gets a
// row for a new one, on the same node neither.
func neighTableOverflow() Fault {
	const setting = "/proc/sys/net/ipv4/neigh/default/gc_thresh"
	return Fault{
		ID:     "neigh-table-overflow",
		Doc:    "the kernel's table of neighbours, which all namespaces share, has no room: nobody finds whom it has not known before",
		Layer:  "K",
		Kernel: ownKernel,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if !InUML() {
				return errors.New("this kernel is not the lab's own")
			}
			var limits []string
			for i := 1; i <= 3; i++ {
				was, err := os.ReadFile(fmt.Sprint(setting, i))
				if err != nil {
					return err
				}
				limits = append(limits, strings.TrimSpace(string(was)))
			}
			if err := d.Note("limits", strings.Join(limits, " ")); err != nil {
				return err
			}
			if err := keepNeighbours(ctx, "permanent"); err != nil {
				return err
			}
			for i := 1; i <= 3; i++ {
				if err := os.WriteFile(fmt.Sprint(setting, i), fmt.Append(nil, i), 0o644); err != nil {
					return err
				}
			}
			ns, err := l.TaskNS(ctx, d.Task)
			if err != nil {
				return err
			}
			// Until nothing is left that the kernel may throw out for a new row.
			return poll(ctx, 40*time.Second, "the table to be full", func() (bool, error) {
				if _, err := l.InNS(ctx, d.Node, ns, "ip", "neigh", "flush", "all"); err != nil {
					return false, err
				}
				got, err := l.Connect(d.Node, ns, d.target(), time.Second)
				return got == Timeout || got == Unreachable, err
			})
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			limits := strings.Fields(d.Notes["limits"])
			for i := len(limits); i > 0; i-- { // the highest first
				if err := os.WriteFile(fmt.Sprint(setting, i), []byte(limits[i-1]), 0o644); err != nil {
					return err
				}
			}
			if err := keepNeighbours(ctx, "stale"); err != nil {
				return err
			}
			if err := l.expectConnect(ctx, d.Task, d.target(), 30*time.Second, Opened); err != nil {
				return err
			}
			return l.forgetSaid(ctx)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "neigh-table-overflow", Node: d.Node})
		},
	}
}

// keepNeighbours gives all neighbours of the machine's own namespace a state. Permanent ones need no room, and the way by
// which commands come to User Mode Linux goes on.
func keepNeighbours(ctx context.Context, state string) error {
	line := "ip neigh show | grep lladdr | while read ip _ dev _ mac _; do ip neigh replace $ip lladdr $mac dev $dev nud " + state + "; done"
	if out, err := exec.CommandContext(ctx, "sh", "-c", line).CombinedOutput(); err != nil {
		return fmt.Errorf("make neighbours %s: %w: %s", state, err, out)
	}
	return nil
}
