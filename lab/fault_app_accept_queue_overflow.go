package lab

import (
	"context"
	"net/netip"
	"time"
)

func appAcceptQueueOverflow() Fault {
	return Fault{
		ID:    "app-accept-queue-overflow",
		Doc:   "the program listens with a backlog of 1 and accepts nothing; its queue is full and the kernel drops every SYN",
		Layer: "A",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Node, []string{d.Network}, "-http", ":8080", "-backlog", "1", "-no-accept")
			t, err := l.startAndExpect(ctx, d, s, Opened)
			if err != nil {
				return err
			}
			// A queue holds one more than its backlog, and a connection that its client ended stays in it.
			return l.expectConnect(ctx, d.Task, netip.AddrPortFrom(t.Addrs[d.Network], uint16(d.Port)), 8*time.Second, Timeout)
		},
		Heal: healExtras,
		Want: wantExtraTask("app-accept-queue-overflow"),
	}
}
