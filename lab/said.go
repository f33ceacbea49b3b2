package lab

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// said counts the lines of the last minutes in a node's journal that match an extended regular expression.
func (l *Lab) said(ctx context.Context, node, pattern string) (int, error) {
	out, err := l.Exec(ctx, node, "sh", "-c", fmt.Sprintf("journalctl -q -o cat --since -15min 2>/dev/null | grep -cE '%s'; true", pattern))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(out))
}

// expectSaid waits until a node's journal has so many such lines.
func (l *Lab) expectSaid(ctx context.Context, node, pattern string, times int, wait time.Duration) error {
	return poll(ctx, wait, fmt.Sprintf("%s to log %q %d times", node, pattern, times), func() (bool, error) {
		n, err := l.said(ctx, node, pattern)
		if err == nil && n < times {
			err = fmt.Errorf("%d times", n)
		}
		return err == nil, err
	})
}

// forgetSaid empties the journals: a log remembers a fault that is healed.
func (l *Lab) forgetSaid(ctx context.Context) error {
	time.Sleep(1200 * time.Millisecond) // what is older than a second can go
	for _, n := range l.Nodes {
		if _, err := l.Exec(ctx, n.Name, "sh", "-ec", "journalctl -q --rotate; sleep 1.2; journalctl -q --vacuum-time=1s"); err != nil {
			return err
		}
	}
	return nil
}
