package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// sandbox is the namespace that a node's published ports lead through.
const sandbox = "ingress_sbox"

// wantMesh is the question for the published port, and one cause on the drawn node.
func wantMesh(id string) func(*Lab, *Draw) Want {
	return func(_ *Lab, d *Draw) Want { return d.askMesh(Cause{ID: id, Node: d.Node}) }
}

// askMesh is the usual question for a published port.
func (d *Draw) askMesh(causes ...Cause) Want {
	return Want{On: d.Node, To: fmt.Sprintf(":%d", d.Port), Causes: causes}
}

// meshAnswers asks a node's published port several times from another node, until one request fails, and counts the
// answers. A connection alone proves nothing: where no rule leads the port away, the engine's own socket takes it and never
// answers.
func (l *Lab) meshAnswers(ctx context.Context, from, node string, port, times int) (int, error) {
	n, err := l.Node(node)
	if err != nil {
		return 0, err
	}
	script := `for i in $(seq $2); do curl -sf -m 2 -o /dev/null "http://$1/" || break; echo ok; done`
	out, err := l.Exec(ctx, from, "sh", "-c", script, "sh", fmt.Sprintf("%s:%d", n.Addr, port), fmt.Sprint(times))
	return strings.Count(out, "ok"), err
}

// expectMesh polls until requests from another node to a node's published port are all answered, or some are not.
func (l *Lab) expectMesh(ctx context.Context, from, node string, port int, all bool) error {
	what := fmt.Sprintf("requests from %s to %s:%d to be answered (all: %v)", from, node, port, all)
	times := len(l.Nodes) // one for each task behind it
	return poll(ctx, 30*time.Second, what, func() (bool, error) {
		good, err := l.meshAnswers(ctx, from, node, port, times)
		if err == nil && (good == times) != all {
			err = fmt.Errorf("%d of %d are", good, times)
		}
		return err == nil, err
	})
}

// meshBroken proves that requests for the drawn port from another node fail on the drawn one; meshWhole the contrary.
func (l *Lab) meshBroken(ctx context.Context, d *Draw) error {
	return l.expectMesh(ctx, d.Peer, d.Node, d.Port, false)
}

func (l *Lab) meshWhole(ctx context.Context, d *Draw) error {
	return l.expectMesh(ctx, d.Peer, d.Node, d.Port, true)
}

// tableNote begins the key of a note that holds a table of packet rules: node, namespace and table follow.
const tableNote = "table"

// keepTables notes tables of packet rules of a node's namespace, counters too; restoreTables puts them back.
func (l *Lab) keepTables(ctx context.Context, d *Draw, node, ns string, tables ...string) error {
	for _, t := range tables {
		out, err := l.InNS(ctx, node, ns, "iptables-save", "-c", "-t", t)
		if err != nil {
			return err
		}
		if !strings.Contains(out, "*"+t) {
			out = "" // the table does not exist yet
		}
		if err := d.Note(strings.Join([]string{tableNote, node, ns, t}, " "), out); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) restoreTables(ctx context.Context, d *Draw) error {
	for key, text := range d.Notes {
		f := strings.Split(key, " ")
		if len(f) != 4 || f[0] != tableNote {
			continue
		}
		node, ns, table := f[1], f[2], f[3]
		argv := []string{"sh", "-ec", `printf '%s\n' "$1" | iptables-restore -c -T "$0"`, table, text}
		if text == "" {
			argv = []string{"sh", "-c", `nft delete table ip "$0" 2>/dev/null || iptables -t "$0" -F`, table}
		}
		if _, err := l.InNS(ctx, node, ns, argv...); err != nil {
			return err
		}
	}
	return nil
}

// healTables is the Heal of a fault that changed nothing but packet rules of the drawn node.
func healTables(ctx context.Context, l *Lab, d *Draw) error {
	if err := l.restoreTables(ctx, d); err != nil {
		return err
	}
	return l.meshWhole(ctx, d)
}

// forgetFlows makes all nodes forget connections to a port. For two minutes the kernel leads packets as it led the first one
// of their connection, rules or no rules; and every ten seconds it begins anew to choose ports for those who connect. So a
// request after healing may take the port of one that failed before, and fails like it (seen once in 60 rows).
func (l *Lab) forgetFlows(ctx context.Context, port int) {
	script := `for ns in "" --net=/run/docker/netns/` + sandbox + `; do nsenter $ns conntrack -D -p tcp --dport "$0"; done`
	_ = l.each(func(n Node) error {
		// It fails where there is nothing to forget, no sandbox, or no such tool in engine "host"'s root.
		_, _ = l.Exec(ctx, n.Name, "sh", "-c", script, fmt.Sprint(port))
		return nil
	})
}

// dropRules deletes the rules of a chain whose line, as iptables -S writes it, matches an extended regular expression.
func (l *Lab) dropRules(ctx context.Context, node, ns, table, chain, pattern string) error {
	script := `iptables -t "$0" -S "$1" | grep -E -e "$2" | sed -e 's/^-A/-D/' >/tmp/rules.$$
[ -s /tmp/rules.$$ ]
while read -r rule; do eval "iptables -w -t $0 $rule"; done </tmp/rules.$$
rm /tmp/rules.$$`
	if _, err := l.InNS(ctx, node, ns, "sh", "-ec", script, table, chain, pattern); err != nil {
		return fmt.Errorf("delete %q of %s %s: %w", pattern, table, chain, err)
	}
	return nil
}

// meshChain is the chain in which a node's engine keeps the rules of published ports: DOCKER-INGRESS; DOCKER where it
// publishes them through the gateway bridge like any container's port (seen on v2.0.0-beta.24).
func (l *Lab) meshChain(ctx context.Context, node string) (string, error) {
	out, err := l.Exec(ctx, node, "iptables", "-t", "nat", "-S")
	if err != nil {
		return "", err
	}
	if strings.Contains(out, "-N DOCKER-INGRESS") {
		return "DOCKER-INGRESS", nil
	}
	return "DOCKER", nil
}

// breakRules is the Break of a fault that changes one table of the drawn node, so that requests from elsewhere fail.
func breakRules(ns, table string, change func(ctx context.Context, l *Lab, d *Draw) error) func(context.Context, *Lab, *Draw) error {
	return breakRulesUntil((*Lab).meshBroken, ns, table, change)
}

// breakRulesUntil is the same with another proof.
func breakRulesUntil(proof func(*Lab, context.Context, *Draw) error, ns, table string, change func(ctx context.Context, l *Lab, d *Draw) error) func(context.Context, *Lab, *Draw) error {
	return func(ctx context.Context, l *Lab, d *Draw) error {
		if err := l.keepTables(ctx, d, d.Node, ns, table); err != nil {
			return err
		}
		if err := change(ctx, l, d); err != nil {
			return err
		}
		return proof(l, ctx, d)
	}
}

// meshRuleGone proves that rules of a node no longer lead the drawn port away. Where the engine publishes through the gateway
// bridge its proxy goes on answering, so there only the rules tell; else requests fail.
func (l *Lab) meshRuleGone(ctx context.Context, d *Draw) error {
	chain, err := l.meshChain(ctx, d.Node)
	if err != nil || chain == "DOCKER-INGRESS" {
		return errors.Join(err, l.meshBroken(ctx, d))
	}
	script := fmt.Sprintf(`! { iptables -t nat -S PREROUTING | grep -e '-j DOCKER$' && iptables -t nat -S DOCKER | grep -e '--dport %d '; }`, d.Port)
	_, err = l.Exec(ctx, d.Node, "sh", "-c", script)
	return err
}

// sandboxLeg is the interface of a node's ingress sandbox on the gateway bridge, or the one on the ingress network, and the
// sandbox's address on it. The ways there differ by the default route, which leads over the bridge.
func (l *Lab) sandboxLeg(ctx context.Context, node string, gateway bool) (string, netip.Addr, error) {
	out, err := l.InNS(ctx, node, sandbox, "sh", "-ec", "ip -4 route show default; ip -4 -o addr show scope global")
	if err != nil {
		return "", netip.Addr{}, err
	}
	via := ""
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		switch i := slices.Index(f, "dev"); {
		case len(f) > 3 && f[0] == "default" && i > 0:
			via = f[i+1]
		case len(f) > 3 && (f[1] == via) == gateway:
			p, err := netip.ParsePrefix(f[3])
			if err == nil && p.Bits() < 32 { // the others are virtual IPs
				return f[1], p.Addr(), nil
			}
		}
	}
	return "", netip.Addr{}, errors.New("the ingress sandbox of " + node + " lacks a leg: " + out)
}
