package lab

import (
	"context"
	"fmt"
	"strings"
)

// otherBackend are the programs of the iptables that the node's engine does not use.
func (l *Lab) otherBackend(ctx context.Context, node string) (string, error) {
	says, err := l.Exec(ctx, node, "iptables", "--version")
	if strings.Contains(says, "nf_tables") {
		return "iptables-legacy", err
	}
	return "iptables-nft", err
}

func iptablesBackendSplit() Fault {
	return Fault{
		ID:    "iptables-backend-split",
		Doc:   "on a node the iptables that the engine does not use drops what is forwarded",
		Layer: "B",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			other, err := l.otherBackend(ctx, d.Node)
			if err != nil {
				return err
			}
			undo, do := other+" -w -P FORWARD ACCEPT", other+" -w -P FORWARD DROP"
			if Pick(d, []bool{true, false}) {
				rule := "FORWARD -i docker_gwbridge -j DROP"
				undo, do = other+" -w -D "+rule, other+" -w -A "+rule
			}
			if err := d.Note("undo on node", undo); err != nil {
				return err
			}
			if _, err := l.Exec(ctx, d.Node, "sh", "-ec", do); err != nil {
				return err
			}
			now, err := l.Exec(ctx, d.Node, other, "-w", "-S", "FORWARD")
			if err == nil && !strings.Contains(now, "DROP") {
				err = fmt.Errorf("%s of %s drops nothing: %s", other, d.Node, now)
			}
			return err
		},
		Heal: undoOnNode,
		Want: func(_ *Lab, d *Draw) Want { return d.checkNode("iptables-backend-split") },
	}
}

// undoOnNode is the Heal of a fault in the drawn node's own namespace: it runs the lines that Break noted.
func undoOnNode(ctx context.Context, l *Lab, d *Draw) error {
	if d.Notes["undo on node"] == "" {
		return nil
	}
	_, err := l.Exec(ctx, d.Node, "sh", "-ec", d.Notes["undo on node"])
	return err
}
