package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

func ingressIPv6() Fault {
	return Fault{
		ID:     "ingress-ipv6-blackhole",
		Doc:    "a client asks a node's published port over IPv6, where the engine's socket takes it and nobody answers",
		Layer:  "I",
		Kernel: needsIPVS,
		// Its ports are published through the gateway bridge (seen on v2.0.0-beta.24), like those of any container.
		NotOn: map[string]string{"29": "its docker-proxy serves IPv6"},
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			// Where the engine publishes through the gateway bridge (29.0.0-beta), its proxy serves IPv6: nothing to find.
			chain, err := l.meshChain(ctx, d.Node)
			if err == nil && chain != "DOCKER-INGRESS" {
				err = errors.New("this engine's proxy serves IPv6")
			}
			if err != nil {
				return err
			}
			// It must be there when fairway looks, so it sleeps with the connection open.
			out, err := l.Exec(ctx, d.Node, "bash", "-c", fmt.Sprintf("(exec 3<>/dev/tcp/::1/%d && exec setsid sleep 900) </dev/null >/dev/null 2>&1 & echo $!", d.Port))
			if err != nil {
				return err
			}
			if err := d.Note("pid", strings.TrimSpace(out)); err != nil {
				return err
			}
			return poll(ctx, 10*time.Second, "the connection over IPv6 to open", func() (bool, error) {
				out, err := l.Exec(ctx, d.Node, "ss", "-H6tn", "state", "established", fmt.Sprintf("sport = :%d", d.Port))
				return strings.Contains(out, "[::1]"), err
			})
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["pid"] == "" {
				return nil
			}
			_, err := l.Exec(ctx, d.Node, "sh", "-c", "kill "+d.Notes["pid"]+" 2>/dev/null; sleep 1; ! kill -0 "+d.Notes["pid"]+" 2>/dev/null")
			return err
		},
		Want: wantBalance("ingress-ipv6-blackhole", ingress, "node"),
	}
}
