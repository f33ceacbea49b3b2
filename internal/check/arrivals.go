package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// arrival is one node's published port, walked through the host's rules.
type arrival struct {
	expect.Arrival
	Node  *fact.Node
	Host  *fact.NetNS
	Port  *expect.Published
	Rules expect.IngressRules
	// Sandbox is where it should be led.
	Sandbox netip.Addr
}

// arrivals walks every published port of the routing mesh in question on every
// node that the check can judge. Nodes whose kernel has no IPVS are left out:
// their engine writes no ingress rules (ipvs-kernel-missing says it).
func (in *In) arrivals() []arrival {
	var out []arrival
	for i := range in.Scope.Mesh {
		p := &in.Scope.Mesh[i]
		if p.Network == "" || !in.tasked(p) {
			continue
		}
		for _, n := range in.meshNodes() {
			host := n.Kernel.Host()
			if host == nil || host.Netfilter == nil || !in.Can(n, host.Name, fact.KindRules, fact.KindLinks) {
				continue
			}
			a, why := expect.Arrive(in.Snapshot, n, p)
			if why != "" {
				in.Blind("%s: its published port could not be followed: %s", n.Name, why)
				continue
			}
			out = append(out, arrival{Arrival: a, Node: n, Host: host, Port: p, Rules: expect.HostIngress(host), Sandbox: expect.SandboxAddr(n)})
		}
	}
	return out
}

// meshNodes are the sighted nodes that listen on published ports and whose
// kernel can serve them.
func (in *In) meshNodes() []*fact.Node {
	var out []*fact.Node
	for _, n := range in.Sighted {
		if n.Kernel == nil {
			continue
		}
		if f := n.Kernel.Feature("ip_vs"); f != nil && !f.Present {
			continue
		}
		out = append(out, n)
	}
	return out
}

// tasked: a task of the service runs. Without any, engines take away the rules and
// the virtual service of its ports, and are right to (task-not-running says it).
func (in *In) tasked(p *expect.Published) bool {
	return slices.ContainsFunc(in.Wanted.Tasks, func(t fact.Task) bool { return t.ServiceID == p.Service && t.Running() })
}

// finding is one about this node's published port.
func (a *arrival) finding(in *In, message string) Finding {
	return Finding{Certainty: Proof, Node: a.Node.Name, Network: a.Port.Network, Subject: in.NodeSubject(a.Node.ID), Message: message,
		Services: []fact.ServiceID{a.Port.Service}, Nodes: []fact.NodeID{a.Node.ID}, Probed: in.portFails(a.Node.ID, a.Port, fact.StageNode)}
}

// portFails reports whether requests to a published port of a node failed at a stage.
func (in *In) portFails(node fact.NodeID, p *expect.Published, st fact.Stage) bool {
	for i := range in.Seen.Published {
		q := &in.Seen.Published[i]
		if q.Node == node && q.Published == p.Port.Published && q.Service == p.Service && q.Stage == st && ailing(q) {
			return true
		}
	}
	return false
}

// tool is the iptables of a backend: by its plain name where the host has rules
// in one backend only.
func (a *arrival) tool() string { return iptablesOf(a.Host, a.Rules.Backend) }

func iptablesOf(ns *fact.NetNS, b fact.Backend) string {
	if ns.Netfilter == nil {
		return "iptables"
	}
	both := map[fact.Backend]bool{}
	for _, t := range ns.Netfilter.Tables {
		if t.Family == "ip" {
			both[t.Backend] = true
		}
	}
	switch {
	case len(both) < 2:
		return "iptables"
	case b == fact.Legacy:
		return "iptables-legacy"
	}
	return "iptables-nft"
}

// dnat is the rule of a published port as the engine writes it.
func (a *arrival) dnat() string {
	p := a.Port.Port
	s := fmt.Sprintf("-p %s -m %s --dport %d -j DNAT --to-destination %s", p.Proto, p.Proto, p.Published, netip.AddrPortFrom(a.Sandbox, p.Published))
	if a.Rules.Bridged {
		return "! -i " + expect.GatewayBridge + " " + s
	}
	return s
}

// accepts are the rules of filter that let a published port's packets pass, as
// the engine writes them.
func (a *arrival) accepts() []string {
	p := a.Port.Port
	if a.Rules.Bridged {
		return []string{fmt.Sprintf("-d %s/32 ! -i %s -o %s -p %s -m %s --dport %d -j ACCEPT", a.Sandbox, expect.GatewayBridge, expect.GatewayBridge, p.Proto, p.Proto, p.Published)}
	}
	return []string{fmt.Sprintf("-p %s -m %s --dport %d -j ACCEPT", p.Proto, p.Proto, p.Published),
		fmt.Sprintf("-p %s -m %s --sport %d -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", p.Proto, p.Proto, p.Published)}
}

// led: whatever the rules are called, they lead a new connection to the sandbox
// and its answer back.
func (a *arrival) led() bool {
	return a.Translated && a.Pre.Packet.Dst == a.Sandbox && a.Forward.Fate == expect.Accepted && a.Back.Fate == expect.Accepted
}

// shown is a rule with its counter, as evidence.
func shown(s *expect.Step) string {
	if s == nil {
		return "nothing"
	}
	if s.Rule == nil {
		return s.String()
	}
	out := s.Rule.Line(s.Chain)
	if c := rose(s.Hits, "hit by"); c != "" {
		out += " (" + c + ")"
	}
	return out
}

// lines joins commands that are not empty, one a line.
func lines(list ...string) string {
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), "\n")
}
