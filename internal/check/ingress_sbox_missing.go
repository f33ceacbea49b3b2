package check

import (
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IngressSandboxMissing finds nodes whose ingress sandbox is not there, or has
// lost one of its two legs.
var IngressSandboxMissing = &Check{
	ID:    "ingress-sbox-missing",
	Title: "a node's ingress sandbox is missing or has lost a leg",
	Doc: Doc{
		Symptom: "No published port answers on one node, whatever the service; other nodes answer all of them.",
		Cause: "Every published port leads through the namespace ingress_sbox, with one leg on docker_gwbridge and one on the ingress network. Making it needs both, and a free address; " +
			"a failure is tried again only when something else happens. Or somebody took a leg away.",
		ByHand: "`nsenter --net=/var/run/docker/netns/ingress_sbox ip -4 addr`: one address on the ingress network, one on docker_gwbridge, both links up.",
		Relief: "A link that is down: set it up again. Else restart the engine on that node.",
		Fix:    "Look in the engine's log for \"Failed creating ingress network\" and \"sandbox\"; if several nodes suffer, make the ingress network anew with a larger, free subnet.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindLinks},
	Because: []string{"ingress-network-unusable", "gwbridge-missing-or-conflict", "ipam-exhausted", "address-pool-overlap"},
	Run:     ingressSandbox,
}

func ingressSandbox(in *In) []Finding {
	net := in.meshNetwork()
	if net == "" {
		return nil
	}
	var out []Finding
	for _, n := range in.meshNodes() {
		if !in.Can(n, "ingress_sbox", fact.KindLinks) || !in.Can(n, "host", fact.KindLinks) {
			continue
		}
		if n.Kernel.Host() == nil {
			in.Blind("%s: its own namespace was not found", n.Name)
			continue
		}
		got, relief := in.legs(n, net)
		if got == "" {
			continue
		}
		f := Finding{Certainty: Proof, Node: n.Name, Network: net, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID},
			Message:  fmt.Sprintf("the ingress sandbox of %s is broken (%s): nothing it publishes gets through", n.Name, got),
			Evidence: []Evidence{{Where: n.Name + ": ingress_sbox", Want: "up on " + expect.GatewayBridge + " and on " + in.NetworkName(net), Got: got}},
			Confirm:  fmt.Sprintf("on %s: %sip -4 addr", n.Name, Enter("ingress_sbox")), Relief: relief, Impact: ImpactNone}
		if relief == "" {
			f.Relief, f.Impact = restartEngine(n.Name), ImpactNode(n.Name)
		}
		for i := range in.Scope.Mesh {
			p := &in.Scope.Mesh[i]
			f.Services = append(f.Services, p.Service)
			f.Probed = f.Probed || in.portFails(n.ID, p, fact.StageNode) || in.portFails(n.ID, p, fact.StageSelf)
		}
		out = append(out, f)
	}
	return out
}

// meshNetwork is the routing mesh's network where a published port is in
// question, else empty.
func (in *In) meshNetwork() fact.NetworkID {
	for _, p := range in.Scope.Mesh {
		if p.Network != "" {
			return p.Network
		}
	}
	return ""
}

// legs says what is wrong with the sandbox of a node, and the command that
// mends it where there is one.
func (in *In) legs(n *fact.Node, net fact.NetworkID) (got, relief string) {
	ns := expect.IngressSandbox(n)
	if ns == nil {
		return "there is no namespace ingress_sbox", ""
	}
	own := ns.LinkWith(expect.SandboxOwn(in.Snapshot, n, net))
	gateway := ns.LinkWith(expect.SandboxAddr(n))
	switch {
	case own == nil:
		return "no interface with its address on " + in.NetworkName(net), ""
	case gateway == nil && n.Kernel.Host().LinkNamed(expect.GatewayBridge) != nil:
		return "no interface on " + expect.GatewayBridge, ""
	}
	for _, l := range []*fact.Link{own, gateway} {
		if l != nil && !l.Up {
			cmd := "ip link set " + l.Name + " up"
			if l == gateway {
				cmd = "sh -c 'ip link set " + l.Name + " up && ip route replace default via " + in.bridgeAddr(n) + "'"
			}
			return l.Name + " is down", fmt.Sprintf("on %s: %s%s", n.Name, Enter(ns.Name), cmd)
		}
	}
	return "", ""
}

// bridgeAddr is the gateway bridge's own address: setting a link down loses the
// routes through it.
func (in *In) bridgeAddr(n *fact.Node) string {
	for _, a := range n.Kernel.Host().LinkNamed(expect.GatewayBridge).Addrs {
		if a.Addr().Is4() {
			return a.Addr().String()
		}
	}
	return "GATEWAY"
}
