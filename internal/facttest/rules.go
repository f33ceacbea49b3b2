package facttest

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"

	"fairway/internal/fact"
)

// The rules of a healthy node whose service api publishes 8080, as engines wrote
// them on Linux 6.1 (20.10 and 26.1: iptables-legacy) and 7.2 (28.5 and 29:
// iptables-nft), told by iptables-save -c, with this package's addresses.
var (
	//go:embed rules/host-20.10.txt
	host2010 string
	//go:embed rules/host-26.1.txt
	host261 string
	//go:embed rules/host-28.5.txt
	host285 string
	//go:embed rules/host-29.txt
	host29 string
	//go:embed rules/host-mode-26.1.txt
	hostMode261 string
	//go:embed rules/task.txt
	taskRules string
	//go:embed rules/resolver.txt
	resolverRules string
)

// hostRules are the host's own, by engine: 28.0.1 put its chains into another
// order; moby v2.0.0-beta.24, which the lab calls 29.0.0-beta.24, has none for
// ingress and publishes its ports as the gateway bridge does any container's.
func hostRules(engine string) *fact.Netfilter {
	text := host261
	switch {
	case strings.HasPrefix(engine, "20."):
		text = host2010
	case bridgesIngress(engine):
		text = host29
	case strings.HasPrefix(engine, "28."), strings.HasPrefix(engine, "29."):
		text = host285
	}
	return netfilter(text)
}

// bridgesIngress: the engine publishes ingress ports by the gateway bridge.
func bridgesIngress(engine string) bool { return engine == "29.0.0-beta.24" }

// taskNetfilter is what a task's namespace holds. Only one that publishes a port
// has an ingress address, and rules for it.
func taskNetfilter(ingress netip.Addr) *fact.Netfilter {
	if !ingress.IsValid() {
		return netfilter(resolverRules)
	}
	return netfilter(strings.ReplaceAll(taskRules, "INGRESS", ingress.String()))
}

// balancerNetfilter marks packets by rules of mangle, and sends them on from
// the balancer's own address.
func balancerNetfilter(subnet netip.Prefix, own netip.Addr, marks ...string) *fact.Netfilter {
	text := resolverRules + `
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
` + strings.Join(marks, "\n") + "\nCOMMIT\n"
	snat := fmt.Sprintf("[0:0] -A POSTROUTING -d %v -m ipvs --ipvs -j SNAT --to-source %v\n", subnet, own)
	return netfilter(strings.Replace(text, "[0:0] -A DOCKER_OUTPUT", snat+"[0:0] -A DOCKER_OUTPUT", 1))
}

func vipMark(vip netip.Addr, mark uint32) string {
	return fmt.Sprintf("[0:0] -A INPUT -d %v/32 -j MARK --set-xmark %#x/0xffffffff", vip, mark)
}

func portMark(proto string, port uint16, mark uint32) string {
	return fmt.Sprintf("[0:0] -A PREROUTING -p %s -m %s --dport %d -j MARK --set-xmark %#x/0xffffffff", proto, proto, port, mark)
}

// netfilter reads rules and has every counter read twice.
func netfilter(text string) *fact.Netfilter {
	n := &fact.Netfilter{Tables: Saved(fact.Legacy, "ip", text)}
	twice := func(h *fact.Hits) { h.After, h.Twice = h.Packets, true }
	for i := range n.Tables {
		for j := range n.Tables[i].Chains {
			c := &n.Tables[i].Chains[j]
			if c.Hook != "" {
				twice(&c.Hits)
			}
			for k := range c.Rules {
				twice(&c.Rules[k].Hits)
			}
		}
	}
	return n
}
