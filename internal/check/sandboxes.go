package check

import (
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// inSandbox is one published port, walked through one node's ingress sandbox.
type inSandbox struct {
	expect.SandboxArrival
	Node *fact.Node
	NS   *fact.NetNS
	Port *expect.Published
}

// sandboxes walks every published port of the routing mesh in question through
// the ingress sandbox of every node that the check can judge and that has a
// whole one (else ingress-sbox-missing says it).
func (in *In) sandboxes() []inSandbox {
	var out []inSandbox
	for i := range in.Scope.Mesh {
		p := &in.Scope.Mesh[i]
		if p.Network == "" || !in.tasked(p) {
			continue
		}
		for _, n := range in.meshNodes() {
			ns := expect.IngressSandbox(n)
			if ns == nil || !expect.SandboxAddr(n).IsValid() || !in.Can(n, ns.Name, fact.KindRules, fact.KindIPVS, fact.KindLinks) {
				continue
			}
			a, why := expect.ArriveInSandbox(in.Snapshot, n, p)
			if why != "" {
				in.Blind("%s: its ingress sandbox could not be followed: %s", n.Name, why)
				continue
			}
			out = append(out, inSandbox{a, n, ns, p})
		}
	}
	return out
}

func (a *inSandbox) finding(in *In, message string) Finding {
	probed := slices.ContainsFunc([]fact.Stage{fact.StageNode, fact.StageSelf, fact.StageSandbox}, func(st fact.Stage) bool { return in.portFails(a.Node.ID, a.Port, st) })
	return Finding{Certainty: Proof, Node: a.Node.Name, Network: a.Port.Network, Subject: in.NodeSubject(a.Node.ID), Message: message, Only: Balanced,
		Services: []fact.ServiceID{a.Port.Service}, Nodes: []fact.NodeID{a.Node.ID}, Probed: probed,
		Confirm: "on " + a.Node.Name + ": " + Enter(a.NS.Name) + iptablesOf(a.NS, fact.Legacy) + " -t mangle -S; " + Enter(a.NS.Name) + "ipvsadm -Ln --stats"}
}

// believedMark is the mark that the node's engine says it uses for the service
// on the ingress network (LocalLBIndex of verbose inspect); 0 when it does not say.
func (a *inSandbox) believedMark() uint32 {
	net := a.Node.Engine.Network(a.Port.Network)
	if net == nil {
		return 0
	}
	for _, b := range net.Services {
		if b.Name == a.Port.Name && a.Port.Name != "" {
			return b.FWMark
		}
	}
	return 0
}
