package lab

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

func ingressMark() Fault {
	return Fault{
		ID:     "ingress-mark-or-lb-missing",
		Doc:    "the ingress sandbox of a node does not mark what comes for a published port",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: breakRules(sandbox, "mangle", func(ctx context.Context, l *Lab, d *Draw) error {
			return l.dropRules(ctx, d.Node, sandbox, "mangle", "PREROUTING", fmt.Sprintf("--dport %d .*-j MARK", d.Port))
		}),
		Heal: healTables,
		Want: wantMesh("ingress-mark-or-lb-missing"),
	}
}

func ingressService() Fault {
	return Fault{
		ID:     "ingress-mark-or-lb-missing.service",
		Doc:    "IPVS in the ingress sandbox of a node has no virtual service for a published port's mark",
		Layer:  "I",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			mark, err := l.portMark(ctx, d.Node, d.Port)
			if err != nil {
				return err
			}
			saved, err := l.InNS(ctx, d.Node, sandbox, "sh", "-ec", fmt.Sprintf("ipvsadm -Sn | grep -e '-f %d '", mark))
			if err != nil {
				return err
			}
			if err := d.Note("ipvs", saved); err != nil {
				return err
			}
			if _, err := l.InNS(ctx, d.Node, sandbox, "ipvsadm", "-D", "-f", fmt.Sprint(mark)); err != nil {
				return err
			}
			return l.meshBroken(ctx, d)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			// What is there already is refused, which is right when Break stopped half-way.
			script := `printf '%s\n' "$0" | while read -r line; do [ -z "$line" ] || ipvsadm $line || true; done`
			if _, err := l.InNS(ctx, d.Node, sandbox, "sh", "-c", script, d.Notes["ipvs"]); err != nil {
				return err
			}
			return l.meshWhole(ctx, d)
		},
		Want: wantMesh("ingress-mark-or-lb-missing"),
	}
}

// portMark is the mark by which a node's ingress sandbox knows a published port.
func (l *Lab) portMark(ctx context.Context, node string, port int) (uint64, error) {
	out, err := l.InNS(ctx, node, sandbox, "iptables", "-t", "mangle", "-S", "PREROUTING")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(out) {
		if !strings.Contains(line, fmt.Sprintf("--dport %d ", port)) {
			continue
		}
		if _, value, ok := strings.Cut(line, "--set-xmark "); ok { // 0x100/0xffffffff
			value, _, _ = strings.Cut(strings.TrimSpace(value), "/")
			return strconv.ParseUint(value, 0, 32)
		}
	}
	return 0, errors.New("the ingress sandbox of " + node + " marks no such port: " + out)
}
