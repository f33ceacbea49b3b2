package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ingress is the network of the routing mesh. A fault of load balancing there is asked about by api's published port; on any
// other network by api's virtual IP.
const ingress = "ingress"

// needsIPVS is the feature of a kernel without which there are no virtual IPs and no routing mesh.
const (
	needsIPVS = "ip_vs"
	lacksIPVS = "no ip_vs"
)

// balancerNS is the namespace in which a node balances connections of a network.
func (l *Lab) balancerNS(ctx context.Context, network string) (string, error) {
	if network == ingress {
		return "ingress_sbox", nil
	}
	id, err := l.NetworkID(ctx, network)
	if err != nil {
		return "", err
	}
	return "lb_" + id[:9], nil
}

// vip is a service's virtual IP on a network.
func (l *Lab) vip(ctx context.Context, service, network string) (netip.Addr, error) {
	id, err := l.NetworkID(ctx, network)
	if err != nil {
		return netip.Addr{}, err
	}
	s, err := l.service(ctx, service)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, v := range s.Endpoint.VirtualIPs {
		if v.NetworkID == id {
			return v.Addr.Addr(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%s has no virtual IP on %s", service, network)
}

// marking is the rule by which a node marks connections to the backend's service: for its virtual IP, or for its published
// port. rule is what stands behind -A.
func (l *Lab) marking(ctx context.Context, d *Draw, network string) (ns, rule string, mark int, err error) {
	if ns, err = l.balancerNS(ctx, network); err != nil {
		return "", "", 0, err
	}
	part := fmt.Sprintf("--dport %d ", d.Port)
	if network != ingress {
		ip, err := l.vip(ctx, d.PeerTask.Service, network)
		if err != nil {
			return "", "", 0, err
		}
		part = fmt.Sprintf("-d %s/32 ", ip)
	}
	out, err := l.InNS(ctx, d.Node, ns, "iptables", "-w", "-t", "mangle", "-S")
	if err != nil {
		return "", "", 0, err
	}
	for line := range strings.Lines(out) {
		m := regexp.MustCompile(`^-A (.*--set-xmark (0x[0-9a-f]+)/.*)$`).FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || !strings.Contains(line, part) {
			continue
		}
		n, err := strconv.ParseInt(m[2], 0, 32)
		return ns, m[1], int(n), err
	}
	return "", "", 0, fmt.Errorf("%s has no rule in %s that marks %s: %s", d.Node, ns, part, out)
}

// rebalance runs lines in a namespace of the drawn node, after noting those that undo them.
func (l *Lab) rebalance(ctx context.Context, d *Draw, ns string, do, undo []string) error {
	if err := d.Note("ns", ns); err != nil {
		return err
	}
	if err := d.Note("undo", strings.Join(undo, "\n")); err != nil {
		return err
	}
	_, err := l.InNS(ctx, d.Node, ns, "sh", "-ec", strings.Join(do, "\n"))
	return err
}

// healBalance undoes rebalance; then every connection that the node balances on the network is answered.
func healBalance(network string) func(context.Context, *Lab, *Draw) error {
	return func(ctx context.Context, l *Lab, d *Draw) error {
		if d.Notes["undo"] == "" {
			return nil
		}
		if _, err := l.InNS(ctx, d.Node, d.Notes["ns"], "sh", "-ec", d.Notes["undo"]); err != nil {
			return err
		}
		return l.expectBalanced(ctx, d, d.place(network))
	}
}

// place is the drawn network, or the routing mesh's.
func (d *Draw) place(network string) string {
	if network == ingress {
		return ingress
	}
	return d.Network
}

// wantBalance asks about what is balanced on a network, and expects one cause on the drawn node.
func wantBalance(id, network, kind string) func(*Lab, *Draw) Want {
	return func(_ *Lab, d *Draw) Want {
		c := Cause{ID: id, Node: d.Node, Network: d.place(network), Kind: kind}
		if network == ingress {
			return Want{On: d.Node, To: fmt.Sprintf(":%d", d.Port), Causes: []Cause{c}}
		}
		return d.ask(c)
	}
}

// restoring is a script that puts a table back as it is now.
func (l *Lab) restoring(ctx context.Context, node, ns, table string) (string, error) {
	out, err := l.InNS(ctx, node, ns, "iptables-save", "-t", table)
	if err != nil {
		return "", err
	}
	return "iptables-restore -w -T " + table + " <<'END'\n" + out + "END", nil
}

// balanced is how one connection that a node balances ends: from the drawn frontend to the virtual IP, or from the peer's
// host to the drawn node's published port.
func (l *Lab) balanced(ctx context.Context, d *Draw, network string) (Outcome, error) {
	if network == ingress {
		n, err := l.Node(d.Node)
		if err != nil {
			return "", err
		}
		to, err := netip.ParseAddrPort(fmt.Sprintf("%s:%d", n.Addr, d.Port))
		if err != nil {
			return "", fmt.Errorf("read the address of %s: %w", d.Node, err)
		}
		return l.Connect(d.Peer, "", to, 2*time.Second)
	}
	ns, err := l.TaskNS(ctx, d.Task)
	if err != nil {
		return "", err
	}
	ip, err := l.vip(ctx, d.PeerTask.Service, network)
	if err != nil {
		return "", err
	}
	return l.Connect(d.Node, ns, netip.AddrPortFrom(ip, uint16(d.Port)), 2*time.Second)
}

// expectUnbalanced waits until a connection that the node balances fails in one of the given ways.
func (l *Lab) expectUnbalanced(ctx context.Context, d *Draw, network string, want ...Outcome) error {
	return poll(ctx, 20*time.Second, fmt.Sprintf("a balanced connection to fail: %v", want), func() (bool, error) {
		got, err := l.balanced(ctx, d, network)
		if err == nil && !slices.Contains(want, got) {
			err = fmt.Errorf("it ends %s", got)
		}
		return err == nil, err
	})
}

// expectBalanced waits until six connections in a row are answered: twice as many as there are backends.
func (l *Lab) expectBalanced(ctx context.Context, d *Draw, network string) error {
	return poll(ctx, 20*time.Second, "every balanced connection to be answered", func() (bool, error) {
		for range 6 {
			if got, err := l.balanced(ctx, d, network); err != nil || got != Opened {
				return false, errors.Join(err, fmt.Errorf("one ends %q", got))
			}
		}
		return true, nil
	})
}

// expectIPVS proves that the virtual services of a namespace have, or have not, such a line.
func (l *Lab) expectIPVS(ctx context.Context, d *Draw, ns, line string, want bool) error {
	out, err := l.InNS(ctx, d.Node, ns, "ipvsadm", "-Sn")
	if err == nil && strings.Contains(out, line) != want {
		err = fmt.Errorf("ipvsadm of %s on %s: %q is there: %v\n%s", ns, d.Node, line, !want, out)
	}
	return err
}
