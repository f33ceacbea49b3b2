package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// EgressBroken finds tasks that have no way to the outside although their
// network is not internal.
var EgressBroken = &Check{
	ID:    "egress-gwbridge-broken",
	Title: "tasks cannot reach anything outside the Swarm",
	Doc: Doc{
		Symptom: "Tasks reach each other, but nothing outside: no internet, no host of the company's network, no name server there.",
		Cause: "What leaves a task goes by its second leg on docker_gwbridge and gets the host's address there. Its default route is gone, its end in the host is not on the bridge, " +
			"or the host's MASQUERADE rule is gone, so that answers do not find back.",
		ByHand: "In the task's namespace: `ip route` shows `default via` the bridge's address; on the host `bridge link` shows the task's end on docker_gwbridge, `iptables -t nat -S POSTROUTING` a MASQUERADE for its subnet.",
		Relief: "Put back what is missing by hand.",
		Fix:    "Start the task anew; restart the engine in a quiet hour where it is the host's rule. Where tasks should not reach the outside, make the network with --internal.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindContainers, fact.KindLinks, fact.KindRoutes, fact.KindRules},
	Because: []string{"daemon-iptables-disabled", "firewall-flush", "gwbridge-missing-or-conflict"},
	Claims:  noConnect,
	Run:     egress,
}

func egress(in *In) []Finding {
	var out []Finding
	for _, n := range in.Sighted {
		net, host := expect.GatewayNetwork(n), n.Kernel.Host()
		if host == nil || host.Netfilter == nil {
			in.Blind("%s: the rules of its host were not seen", n.Name)
			continue
		}
		if net == nil || net.Internal || !expect.NeedsGateway(n) || !in.Can(n, host.Name, fact.KindRules, fact.KindLinks) {
			continue
		}
		if f, ok := in.notMasqueraded(n, host, net); ok {
			out = append(out, f)
		}
		for _, e := range in.ends() {
			ns := n.Kernel.Sandbox(e.Container)
			if e.Node != n.ID || !e.Running || !in.outward(&e) || ns == nil || ns.Role != fact.RoleContainer || !in.Can(n, ns.Name, fact.KindLinks, fact.KindRoutes) {
				continue
			}
			if got, want, cmd := wayOut(host, ns, net); got != "" {
				f := Finding{Certainty: Proof, Node: n.Name, Subject: EndSubject(&e), Only: Leaving, Impact: ImpactNone, Nodes: []fact.NodeID{n.ID}}
				f.Message = fmt.Sprintf("%s on %s cannot reach anything outside: %s", e.Name, n.Name, got)
				f.Evidence = []Evidence{{Where: n.Name + ": way out of " + e.Name, Want: want, Got: got}}
				f.Confirm = fmt.Sprintf("on %s: %sip route; bridge link", n.Name, Enter(ns.Name))
				f.Relief = fmt.Sprintf("on %s: %s", n.Name, cmd)
				out = append(out, f)
			}
		}
	}
	return out
}

// outward: one of the end's networks lets it reach the outside.
func (in *In) outward(e *expect.End) bool {
	return slices.ContainsFunc(e.Addresses, func(a fact.TaskAddress) bool {
		n := expect.Network(in.Snapshot, a.Network)
		return n != nil && n.Driver == "overlay" && !n.Internal
	})
}

// wayOut says what is missing of a task's way to the outside, and what puts it back.
func wayOut(host, ns *fact.NetNS, net *fact.EngineNetwork) (got, want, cmd string) {
	leg, at := expect.LegOf(host, ns, net), expect.GatewayAddr(net)
	route := expect.DefaultRoute(ns)
	switch {
	case route != nil && leg.Link != nil && route.Link != leg.Link.Index:
		return "", "", "" // another network of its leads out
	case route == nil && leg.Link == nil:
		return "no interface of it is on " + expect.GatewayBridge, "an address on " + expect.GatewayBridge, fmt.Sprintf("docker rm -f %.12s", ns.Containers[0])
	case route == nil:
		return "it has no default route", fmt.Sprintf("default via %s", at.Addr()), fmt.Sprintf("%sip route add default via %s dev %s", Enter(ns.Name), at.Addr(), quoted(leg.Link.Name))
	case leg.Link != nil && leg.Veth != nil && (leg.Veth.Master == 0 || !leg.Veth.Up):
		return fmt.Sprintf("its end in the host, %s, is down or not on %s", leg.Veth.Name, expect.GatewayBridge), "up, on " + expect.GatewayBridge,
			fmt.Sprintf("ip link set %s up master %s", quoted(leg.Veth.Name), expect.GatewayBridge)
	}
	return "", "", ""
}

// notMasqueraded: what leaves the bridge keeps its private address.
func (in *In) notMasqueraded(n *fact.Node, host *fact.NetNS, net *fact.EngineNetwork) (Finding, bool) {
	for _, s := range net.Subnets {
		if net.NoMasquerade || !s.Prefix.IsValid() || !s.Prefix.Addr().Is4() {
			continue
		}
		if there := expect.Masqueraded(host, s); there == expect.Unsure {
			in.Blind("%s: whether what leaves %s gets the host's address is not known: a rule has a target that is not understood", n.Name, s.Prefix)
			continue
		} else if there == expect.Yes {
			continue
		}
		f := Finding{Certainty: Proof, Node: n.Name, Subject: in.NodeSubject(n.ID), Only: Leaving, Impact: ImpactNone, Nodes: []fact.NodeID{n.ID}}
		f.Message = fmt.Sprintf("no task on %s can reach anything outside: nothing gives what leaves %s the host's address", n.Name, s.Prefix)
		f.Evidence = []Evidence{{Where: n.Name + ": POSTROUTING of nat", Want: expect.Masquerade(s), Got: "no rule of either backend for " + s.Prefix.String()}}
		tool := iptablesOf(host, expect.HostOwnRules(n).Backend)
		f.Confirm = fmt.Sprintf("on %s: %s -t nat -S POSTROUTING", n.Name, tool)
		f.Relief = fmt.Sprintf("on %s: %s %s", n.Name, tool, expect.Masquerade(s))
		return f, true
	}
	return Finding{}, false
}
