package check

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// overlay is one overlay network on one sighted node, with its namespace.
type overlay struct {
	Node *fact.Node
	Net  *fact.EngineNetwork
	NS   *fact.NetNS
}

// overlays lists the overlays that sighted nodes take part in, by node and
// name. Where the namespace is not there, or these kinds of fact were not read
// in it, it records that.
func (in *In) overlays(kinds ...fact.Kind) []overlay {
	var out []overlay
	for _, node := range in.Sighted {
		if node.Engine == nil || node.Kernel == nil {
			in.Blind("%s: engine or kernel was not seen", node.Name)
			continue
		}
		for i := range node.Engine.Networks {
			net := &node.Engine.Networks[i]
			if net.Driver != "overlay" || !net.Instantiated {
				continue
			}
			if ns := namespaceOf(node, net); ns == nil {
				in.Blind("%s: the namespace of %s was not found", node.Name, net.Name)
			} else if in.Can(node, ns.Name, kinds...) {
				out = append(out, overlay{node, net, ns})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b overlay) int {
		return cmp.Or(strings.Compare(a.Node.Name, b.Node.Name), strings.Compare(a.Net.Name, b.Net.Name))
	})
	return out
}

// namespaceOf is the network's namespace on a node; where an earlier life of the
// engine left another one, the one with a vxlan link.
func namespaceOf(node *fact.Node, net *fact.EngineNetwork) *fact.NetNS {
	all := node.Kernel.Overlays(net.ID)
	for _, ns := range all {
		if slices.ContainsFunc(ns.Links, func(l fact.Link) bool { return l.VXLAN != nil }) {
			return ns
		}
	}
	if len(all) > 0 {
		return all[0]
	}
	return nil
}

// VXLAN is the first vxlan link of the overlay, nil when there is none.
func (o *overlay) VXLAN() *fact.Link {
	for i := range o.NS.Links {
		if o.NS.Links[i].VXLAN != nil {
			return &o.NS.Links[i]
		}
	}
	return nil
}

// port is a local endpoint of an overlay: a veth pair from a sandbox to the
// overlay's bridge.
type port struct {
	// Subject is the task, the container, or the link of a load balancer.
	Subject
	Task    fact.TaskID
	Sandbox *fact.NetNS
	Prefix  netip.Prefix
	MAC     fact.MAC
	// Inner is the interface with the endpoint's address, nil when none has it;
	// Outer is its other end, nil when it is not in the overlay's namespace.
	Inner, Outer *fact.Link
}

// ports lists the local endpoints of an overlay. Those of tasks on their way up
// or out are left out; where a sandbox was not seen, that is recorded.
func (in *In) ports(node *fact.Node, net *fact.EngineNetwork, ns *fact.NetNS) []port {
	var out []port
	for _, e := range net.Endpoints {
		p := port{Subject: Subject{Kind: "container", ID: e.Key, Name: e.Name}, Prefix: e.Addr, MAC: e.MAC, Sandbox: sandboxOf(node.Kernel, net, e.Key)}
		if n, ok := expect.ParseTaskName(e.Name); ok {
			p.Task, p.Subject = n.Task, Subject{Kind: "task", ID: string(n.Task), Name: e.Name}
			if t := in.Wanted.Task(n.Task); in.Wanted != nil && (t == nil || !t.Running()) {
				continue
			}
		}
		if p.Sandbox == nil {
			if !balancer(e.Key) {
				in.Blind("%s: the namespace of %s was not found", node.Name, e.Name)
			}
			continue
		}
		if !p.Prefix.IsValid() || !in.Can(node, p.Sandbox.Name, fact.KindLinks) {
			continue
		}
		if p.Inner = p.Sandbox.LinkWith(p.Prefix.Addr()); p.Inner != nil && p.Inner.PeerIndex != 0 {
			if l := ns.Link(p.Inner.PeerIndex); l != nil && l.Kind == "veth" {
				p.Outer = l
			}
		}
		if balancer(e.Key) {
			p.Subject = Subject{Kind: "link", Name: "load balancer of " + net.Name}
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b port) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), strings.Compare(a.Name, b.Name))
	})
	return out
}

// balancer: the keys of endpoints that are the engine's own.
func balancer(key string) bool { return strings.HasPrefix(key, "lb-") || key == "ingress-sbox" }

func sandboxOf(k *fact.Kernel, net *fact.EngineNetwork, key string) *fact.NetNS {
	if !balancer(key) {
		return k.Sandbox(fact.ContainerID(key))
	}
	for i := range k.Namespaces {
		if ns := &k.Namespaces[i]; ns.Network == net.ID && (ns.Role == fact.RoleLB || ns.Role == fact.RoleIngress) {
			return ns
		}
	}
	return nil
}

// tasksWith lists the tasks that really have a MAC address on a network.
func tasksWith(net *fact.EngineNetwork, mac fact.MAC) []fact.TaskID {
	var out []fact.TaskID
	for _, e := range net.Endpoints {
		if n, ok := expect.ParseTaskName(e.Name); ok && e.MAC == mac {
			out = append(out, n.Task)
		}
	}
	return out
}

// failedWith reports whether a probe from or to a task failed; for an endpoint
// that is no task's, whether any did.
func (in *In) failedWith(task fact.TaskID) bool {
	return slices.ContainsFunc(in.Seen.TCP, func(p fact.TCPProbe) bool {
		return failed(p.Outcome) && (task == "" || p.From.Task == task || p.To == task)
	})
}
