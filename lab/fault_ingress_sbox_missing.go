package lab

import (
	"context"
	"strings"
)

func ingressSandbox() Fault {
	return Fault{
		ID:     "ingress-sbox-missing",
		Doc:    "the ingress sandbox of a node has one of its two legs down",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			leg, _, err := l.sandboxLeg(ctx, d.Node, Pick(d, []bool{true, false}))
			if err != nil {
				return err
			}
			// A link that goes down loses its routes, and its own subnet's alone comes back by itself.
			route, err := l.InNS(ctx, d.Node, sandbox, "ip", "-4", "route", "show", "default", "dev", leg)
			if err != nil {
				return err
			}
			undo := "ip link set " + leg + " up\n"
			if route = strings.TrimSpace(route); route != "" {
				undo += "ip route replace " + route + " dev " + leg
			}
			if err := d.Note("undo", undo); err != nil {
				return err
			}
			if _, err := l.InNS(ctx, d.Node, sandbox, "ip", "link", "set", leg, "down"); err != nil {
				return err
			}
			return l.meshBroken(ctx, d)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["undo"] == "" {
				return nil
			}
			if _, err := l.InNS(ctx, d.Node, sandbox, "sh", "-ec", d.Notes["undo"]); err != nil {
				return err
			}
			return l.meshWhole(ctx, d)
		},
		Want: wantMesh("ingress-sbox-missing"),
	}
}
