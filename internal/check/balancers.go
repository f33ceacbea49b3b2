package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// balance is how one node balances one service on one network: a virtual IP of a
// user network, or a port published through the routing mesh.
type balance struct {
	Node    *fact.Node
	NS      *fact.NetNS
	Net     *fact.Network
	Service *fact.Service
	// VIP is not valid for a port, Port nil for a virtual IP.
	VIP  netip.Addr
	Port *expect.Published
	// Believed is the mark that the node's engine says it uses; 0 for none, and
	// where it does not say.
	Believed uint32
	// In is the walk that marks a new connection.
	In expect.Walked
	// Virtual is the virtual service of the mark that the engine means; nil when
	// there is none.
	Virtual *fact.VirtualService
	// Own is the balancer's own address on the network.
	Own netip.Addr
}

// balances lists what the question's services need balanced on every node that
// the check can judge: virtual IPs and published ports.
func (in *In) balances() []balance {
	return append(in.virtualIPs(), in.balancedPorts()...)
}

// virtualIPs lists the virtual IPs of the targets on the shared networks, on every
// node that takes part, for services of which a task runs. Where the namespace of
// a balancer is missing, lb-sandbox-missing says it.
func (in *In) virtualIPs() []balance {
	var out []balance
	for _, v := range in.vips() {
		for _, n := range in.balancing(v.Net.ID) {
			ns := expect.Balancer(n, v.Net.ID)
			if ns == nil || !in.Can(n, ns.Name, fact.KindRules, fact.KindIPVS, fact.KindLinks) || ns.IPVS == nil {
				continue
			}
			b := balance{Node: n, NS: ns, Net: v.Net, Service: v.Service, VIP: v.Addr, Own: expect.BalancerOwn(in.Snapshot, n, ns, v.Net.ID)}
			if e := believedService(n, v.Net.ID, v.Service.Name); e != nil {
				b.Believed = e.FWMark
			}
			b.In = expect.ArriveAtVIP(ns, b.Own, v.Addr, expect.ProtoNumber(in.Scope.Proto), in.somePort())
			b.Virtual = ns.IPVS.Service("ip", b.mark())
			out = append(out, b)
		}
	}
	return out
}

// balancedPorts lists the published ports in question.
func (in *In) balancedPorts() []balance {
	var out []balance
	for _, a := range in.sandboxes() {
		svc, net := in.Wanted.Service(a.Port.Service), expect.Network(in.Snapshot, a.Port.Network)
		if svc == nil || net == nil || a.NS.IPVS == nil {
			continue
		}
		b := balance{Node: a.Node, NS: a.NS, Net: net, Service: svc, Port: a.Port, Believed: a.believedMark(), In: a.Pre, Own: a.Own}
		b.Virtual = a.NS.IPVS.Service("ip", b.mark())
		out = append(out, b)
	}
	return out
}

// mark is the one the engine means, else the one the rules give.
func (b *balance) mark() uint32 {
	if b.Believed != 0 {
		return b.Believed
	}
	return b.In.Packet.Mark
}

// virtualIP is an address of a service in question.
type virtualIP struct {
	Service *fact.Service
	Net     *fact.Network
	Addr    netip.Addr
}

// vips lists the targets' virtual IPs on the shared networks.
func (in *In) vips() []virtualIP {
	var out []virtualIP
	for _, id := range in.Scope.ToServices {
		svc := in.Wanted.Service(id)
		if svc == nil || svc.EndpointMode != "vip" {
			continue
		}
		for _, v := range svc.VIPs {
			net := expect.Network(in.Snapshot, v.Network)
			if net != nil && slices.Contains(in.Scope.Networks, v.Network) && v.Addr.Addr().Is4() && len(in.behindVIP(id, v.Network)) > 0 {
				out = append(out, virtualIP{svc, net, v.Addr.Addr()})
			}
		}
	}
	return out
}

// balancing lists the sighted nodes whose engine takes part in a network, and
// whose kernel can balance (else ipvs-kernel-missing says it).
func (in *In) balancing(id fact.NetworkID) []*fact.Node {
	return slices.DeleteFunc(slices.Clone(in.Sighted), func(n *fact.Node) bool {
		net := n.Engine.Network(id)
		return n.Kernel == nil || net == nil || !net.Instantiated || !in.serves(n)
	})
}

// behindVIP are the running tasks of a service that have an address on a network.
// What runs on a node that is down, or gone, is known from old reports only.
func (in *In) behindVIP(svc fact.ServiceID, net fact.NetworkID) []*fact.Task {
	var out []*fact.Task
	for i := range in.Wanted.Tasks {
		t := &in.Wanted.Tasks[i]
		if w := in.Wanted.Node(t.Node); t.ServiceID == svc && t.Running() && t.Addr(net).Is4() && w != nil && w.State == "ready" {
			out = append(out, t)
		}
	}
	return out
}

// believedService is what gossip tells a node of a service, nil for nothing.
func believedService(n *fact.Node, net fact.NetworkID, name string) *fact.BelievedService {
	e := n.Engine.Network(net)
	if e == nil || name == "" {
		return nil
	}
	i := slices.IndexFunc(e.Services, func(b fact.BelievedService) bool { return b.Name == name && len(b.Tasks) > 0 })
	if i < 0 {
		return nil
	}
	return &e.Services[i]
}

// somePort is a port of the question, for rules that name one.
func (in *In) somePort() uint16 {
	if len(in.Scope.Ports) == 0 {
		return 0
	}
	return in.Scope.Ports[0]
}

// String is "virtual IP 10.0.1.5 of api" or "port 8080/tcp of api".
func (b *balance) String() string {
	if b.Port != nil {
		return fmt.Sprintf("port %d/%s of %s", b.Port.Port.Published, b.Port.Port.Proto, b.Service.Name)
	}
	return fmt.Sprintf("virtual IP %s of %s", b.VIP, b.Service.Name)
}

// finding is one about this node's balancer.
func (b *balance) finding(in *In, message string) Finding {
	return Finding{Certainty: Proof, Node: b.Node.Name, Network: b.Net.ID, Subject: in.NodeSubject(b.Node.ID), Message: message, Only: Balanced,
		Services: []fact.ServiceID{b.Service.ID}, Nodes: []fact.NodeID{b.Node.ID}, Probed: b.fails(in), Impact: ImpactNone,
		Confirm: "on " + b.Node.Name + ": " + Enter(b.NS.Name) + b.iptables() + " -t mangle -S; " + Enter(b.NS.Name) + "ipvsadm -Ln --stats"}
}

// fails: connections that this node balances failed.
func (b *balance) fails(in *In) bool {
	if b.Port != nil {
		return slices.ContainsFunc([]fact.Stage{fact.StageNode, fact.StageSelf, fact.StageSandbox}, func(st fact.Stage) bool { return in.portFails(b.Node.ID, b.Port, st) })
	}
	return slices.ContainsFunc(in.Seen.Published, func(q fact.PublishedProbe) bool {
		return q.Stage == fact.StageVIP && q.From.Node == b.Node.Name && q.Network == b.Net.ID && q.Service == b.Service.ID && ailing(&q)
	})
}

func (b *balance) iptables() string { return iptablesOf(b.NS, fact.Legacy) }

// on is a command in the balancer's namespace.
func (b *balance) on(format string, args ...any) string {
	return fmt.Sprintf("on %s: ", b.Node.Name) + Enter(b.NS.Name) + fmt.Sprintf(format, args...)
}

// add is the command that gives the virtual service a backend, as the engine does.
func (b *balance) add(a netip.Addr) string {
	return b.on("ipvsadm -a -f %d -r %s:0 %s -w 1", b.mark(), a, b.forward())
}

// forward is how packets reach a backend: translated, or as they are with the
// option dsr.
func (b *balance) forward() string {
	if b.Net.DSR {
		return "-g"
	}
	return "-m"
}

// rule is the one that marks the connection, as the engine writes it.
func (b *balance) rule() string {
	if b.Port != nil {
		p := b.Port.Port
		return fmt.Sprintf("PREROUTING -p %s -m %s --dport %d -j MARK --set-mark %d", p.Proto, p.Proto, p.Published, b.mark())
	}
	return fmt.Sprintf("INPUT -d %s/32 -j MARK --set-mark %d", b.VIP, b.mark())
}

// where names the namespace in evidence.
func (b *balance) where(what string) string {
	return fmt.Sprintf("%s: %s of %s", b.Node.Name, what, b.NS.Name)
}
