package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// SignalEngine sends a signal (KILL, STOP, CONT, TERM, HUP) to a node's dockerd. The node itself goes on.
func (l *Lab) SignalEngine(ctx context.Context, node, signal string) error {
	_, err := l.Exec(ctx, node, "sh", "-c", "kill -"+signal+" $(cat /run/docker.pid)")
	return err
}

// StopEngine ends a node's dockerd as a service manager does and waits until it is gone.
func (l *Lab) StopEngine(ctx context.Context, node string) error {
	if err := l.SignalEngine(ctx, node, "TERM"); err != nil {
		return err
	}
	return poll(ctx, 30*time.Second, "the engine of "+node+" to stop", func() (bool, error) {
		_, err := l.Exec(ctx, node, "pgrep", "-x", "dockerd")
		return err != nil, nil
	})
}

// StartEngine starts a node's dockerd again, as it was started first, and waits until it answers.
func (l *Lab) StartEngine(ctx context.Context, node string) error {
	_, err := l.Exec(ctx, node, "sh", "-c", "rm -f /run/docker.pid; setsid -f "+engineScript+" </dev/null >/dev/null 2>&1")
	if err != nil {
		return err
	}
	return l.waitEngine(ctx, node)
}

// Resolve asks the engine's name server from inside a task; no answer is an empty list.
func (l *Lab) Resolve(ctx context.Context, t Task, name string) ([]netip.Addr, error) {
	ns, err := l.TaskNS(ctx, t)
	if err != nil {
		return nil, err
	}
	out, err := l.InNS(ctx, t.Node, ns, "dig", "+short", "+time=1", "+tries=2", "@127.0.0.11", name)
	if err != nil {
		return nil, fmt.Errorf("resolve %s from %s: %w", name, t.Name, err)
	}
	var found []netip.Addr
	for _, f := range strings.Fields(out) {
		if a, err := netip.ParseAddr(f); err == nil {
			found = append(found, a)
		}
	}
	return found, nil
}
