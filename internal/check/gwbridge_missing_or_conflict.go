package check

import (
	"fmt"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// GwbridgeMissing finds nodes whose gateway bridge is gone, down, or without the
// address that its containers send everything to.
var GwbridgeMissing = &Check{
	ID:    "gwbridge-missing-or-conflict",
	Title: "a node's docker_gwbridge is missing or not as it should be",
	Doc: Doc{
		Symptom: "On one node published ports are dead and containers reach nothing outside, while tasks reach each other; or new tasks there are rejected with an error that names docker_gwbridge or a \"non-overlapping\" pool.",
		Cause: "Every task on an overlay that is not internal, and the routing mesh's sandbox, have a second leg on the bridge docker_gwbridge. Something removed the bridge or its address, took it down, " +
			"or the engine could not make it because its subnet is in use.",
		ByHand: "`ip addr show docker_gwbridge` on the host against `docker network inspect docker_gwbridge`: the bridge is up and has the gateway's address; `bridge link` shows a port for each container.",
		Relief: "Make the bridge as the engine does, and put the containers' ends back on it.",
		Fix:    "Keep network tools (NetworkManager, netplan, scripts) away from docker_gwbridge; choose its subnet with `docker network create --subnet … docker_gwbridge` before the node joins, or with default-address-pools.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks},
	Because: []string{"address-pool-overlap"},
	Run:     gwbridge,
}

func gwbridge(in *In) []Finding {
	var out []Finding
	for _, n := range in.Sighted {
		host := n.Kernel.Host()
		if host == nil || n.Engine == nil {
			in.Blind("%s: its engine, or its host's links, were not seen", n.Name)
			continue
		}
		if !expect.NeedsGateway(n) || !in.Can(n, host.Name, fact.KindLinks) {
			continue
		}
		net := expect.GatewayNetwork(n)
		if net == nil {
			out = append(out, in.noGateway(n))
			continue
		}
		at, link := expect.GatewayAddr(net), host.LinkNamed(expect.GatewayBridge)
		if link == nil && at.IsValid() {
			link = host.LinkWith(at.Addr()) // a bridge may be given another name
		}
		if got, cmd := bridgeFault(n, host, net, link); got != "" {
			f := in.badGateway(n, fmt.Sprintf("on %s the bridge %s is %s: published ports and everything outside are out of its containers' reach", n.Name, expect.GatewayBridge, got))
			f.Evidence = []Evidence{{Where: n.Name + ": link " + expect.GatewayBridge, Want: fmt.Sprintf("a bridge, up, with %s", at), Got: got}}
			f.Confirm = fmt.Sprintf("on %s: ip addr show %s", n.Name, expect.GatewayBridge)
			f.Relief, f.Impact = fmt.Sprintf("on %s: %s", n.Name, strings.Join(cmd, "\non "+n.Name+": ")), ImpactNone
			out = append(out, f)
		}
	}
	return out
}

// bridgeFault says what is wrong with the bridge, and what puts it right.
func bridgeFault(n *fact.Node, host *fact.NetNS, net *fact.EngineNetwork, link *fact.Link) (got string, cmd []string) {
	at, name := expect.GatewayAddr(net), expect.GatewayBridge
	address, up := fmt.Sprintf("ip addr add %s dev %s", at, name), fmt.Sprintf("ip link set %s up", name)
	switch {
	case link == nil:
		cmd = []string{"ip link add " + name + " type bridge", address, up}
		for _, l := range expect.Legs(n, net) {
			if l.Veth != nil {
				cmd = append(cmd, fmt.Sprintf("ip link set %s up master %s", quoted(l.Veth.Name), name))
			}
		}
		return "missing", append(cmd, "sysctl -w net.ipv4.conf."+name+".route_localnet=1")
	case at.IsValid() && host.LinkWith(at.Addr()) != link:
		return fmt.Sprintf("without its address %s", at), []string{address}
	case !link.Up:
		return "down", []string{up}
	}
	return "", nil
}

// noGateway: the engine itself has no such network.
func (in *In) noGateway(n *fact.Node) Finding {
	f := in.badGateway(n, fmt.Sprintf("the engine of %s has no network %s, which every task on an overlay there needs", n.Name, expect.GatewayBridge))
	f.Evidence = []Evidence{{Where: n.Name + ": networks of the engine", Want: expect.GatewayBridge, Got: "none of that name"}}
	f.Confirm = fmt.Sprintf("on %s: docker network inspect %s", n.Name, expect.GatewayBridge)
	f.Relief = fmt.Sprintf("on %s: docker network create --subnet FREE-RANGE -o com.docker.network.bridge.name=%[2]s -o com.docker.network.bridge.enable_icc=false -o com.docker.network.bridge.enable_ip_masquerade=true %[2]s", n.Name, expect.GatewayBridge)
	f.Impact = ImpactNone
	return f
}

func (in *In) badGateway(n *fact.Node, message string) Finding {
	f := Finding{Certainty: Proof, Node: n.Name, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID}, Message: message, Only: Entering}
	if in.Scope.Outside != nil {
		f.Only = Leaving
	}
	for i := range in.Scope.Mesh {
		f.Probed = f.Probed || in.portFails(n.ID, &in.Scope.Mesh[i], fact.StageNode)
	}
	return f
}
