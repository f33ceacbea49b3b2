package check

import (
	"fmt"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IngressChainMissing finds hosts without the chains of the routing mesh, or
// without the jumps that lead there.
var IngressChainMissing = &Check{
	ID:    "ingress-chain-missing",
	Title: "a host has lost the rules of the routing mesh",
	Doc: Doc{
		Symptom: "On one node no published port answers (refused, or silence), on the others all do; often since a firewall was restarted there.",
		Cause: "Published ports live in the chain DOCKER-INGRESS of the tables nat and filter and in the jumps that lead there. The engine writes them once; " +
			"something else flushed or replaced them.",
		ByHand: "`iptables -t nat -S | grep INGRESS` and `iptables -S | grep INGRESS` on a good node and on a bad one: the chain, its rule for each port, and the jumps from PREROUTING, OUTPUT and FORWARD (DOCKER-FORWARD since 28.0.1).",
		Relief: "Put chain, jumps and ports back by hand, exactly as the engine writes them.",
		Fix:    "Keep whatever flushes rules (a firewall's restart, configuration management) away from the engine's chains; restart the engine in a quiet hour, which writes them all anew. Engines from 29 on restore them after a reload of firewalld.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindRules, fact.KindLinks},
	Because: []string{"daemon-iptables-disabled", "firewall-flush", "ingress-sbox-missing", "ingress-network-unusable", "gwbridge-missing-or-conflict"},
	Run:     ingressChain,
}

func ingressChain(in *In) []Finding {
	byNode := map[string]*Finding{}
	var out []*Finding
	for _, a := range in.arrivals() {
		missing, relief := a.lost()
		if len(missing) == 0 {
			continue
		}
		if f := byNode[a.Node.Name]; f != nil {
			f.Probed = f.Probed || in.portFails(a.Node.ID, a.Port, fact.StageNode)
			f.Services = append(f.Services, a.Port.Service)
			continue
		}
		f := a.finding(in, fmt.Sprintf("%s has lost rules of the routing mesh (%s): nothing it publishes is led to the tasks", a.Node.Name, strings.Join(missing, ", ")))
		f.Evidence = []Evidence{{Where: a.Node.Name + ": packet rules of the host", Want: a.Rules.Chain + " in nat and filter, and the jumps to it", Got: "missing: " + strings.Join(missing, ", ")}}
		f.Confirm = fmt.Sprintf("on %s: %s -t nat -S; %s -S", a.Node.Name, a.tool(), a.tool())
		f.Relief, f.Impact = fmt.Sprintf("on %s: %s", a.Node.Name, strings.Join(relief, "\non "+a.Node.Name+": ")), ImpactNone
		byNode[a.Node.Name] = &f
		out = append(out, &f)
	}
	var list []Finding
	for _, f := range out {
		list = append(list, *f)
	}
	return list
}

// lost names what is missing, and the commands that put it back. A chain
// DOCKER-INGRESS whose rules are all gone, its final RETURN too, was flushed: that
// is no lost port.
func (a *arrival) lost() (missing, relief []string) {
	r, t := &a.Rules, a.tool()
	if r.Foreign || a.led() && (r.Output || r.Bridged) {
		return nil, nil
	}
	gone := func(c *fact.Chain) bool { return c == nil || len(c.Rules) == 0 && !r.Bridged }
	lack := func(what string, commands ...string) {
		missing, relief = append(missing, what), append(relief, commands...)
	}
	if gone(r.NAT) {
		lack(r.Chain+" in nat", made(r.NAT, t+" -t nat -N "+r.Chain, t+" -t nat -A "+r.Chain+" "+a.dnat(), t+" -t nat -A "+r.Chain+" -j RETURN")...)
	}
	if gone(r.Filter) {
		commands := []string{t + " -N " + r.Chain}
		for _, rule := range a.accepts() {
			commands = append(commands, t+" -A "+r.Chain+" "+rule)
		}
		lack(r.Chain+" in filter", made(r.Filter, append(commands, t+" -A "+r.Chain+" -j RETURN")...)...)
	}
	if !r.Prerouting {
		lack("the jump from PREROUTING", t+" -t nat -I PREROUTING -m addrtype --dst-type LOCAL -j "+r.Chain)
	}
	if !r.Output {
		lack("the jump from OUTPUT", t+" -t nat -I OUTPUT -m addrtype --dst-type LOCAL -j "+r.Chain)
	}
	if !r.Forward {
		lack("the jump from "+a.forwardChain(), fmt.Sprintf("%s -I %s -j %s", t, a.forwardPlace(), r.Chain))
	}
	return missing, relief
}

// made leaves the making of a chain out that is there.
func made(c *fact.Chain, commands ...string) []string {
	if c != nil {
		return commands[1:]
	}
	return commands
}

// forwardChain is where this host's engine puts the jump: DOCKER-FORWARD since 28.0.1.
func (a *arrival) forwardChain() string {
	if a.Host.Netfilter.Table(a.Rules.Backend, "ip", "filter").Chain("DOCKER-FORWARD") != nil {
		return "DOCKER-FORWARD"
	}
	return "FORWARD"
}

// forwardPlace is where in it: below DOCKER-USER in FORWARD, which the operator's
// own rules come first in.
func (a *arrival) forwardPlace() string {
	switch c := a.forwardChain(); {
	case a.Rules.Bridged:
		return "DOCKER-BRIDGE -o " + expect.GatewayBridge
	case c == "FORWARD":
		return "FORWARD 2"
	default:
		return c
	}
}
