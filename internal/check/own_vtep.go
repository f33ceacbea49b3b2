package check

import (
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// ownVTEP is the address that other nodes send a node's overlay traffic to: what
// its own engine tells of its own endpoints, else what others believe. said is
// who says so; the zero Addr when nobody does.
func (in *In) ownVTEP(node *fact.Node) (a netip.Addr, said string) {
	if a := publishedBy(node.Engine); a.IsValid() {
		return a, "Host IP of its endpoints"
	}
	if in.Wanted != nil {
		for i := range in.Nodes {
			if a := in.toldOf(in.Nodes[i].Engine, node.ID); a.IsValid() {
				return a, "Host IP of its endpoints, as " + in.Nodes[i].Name + " knows it"
			}
		}
	}
	return netip.Addr{}, ""
}

// publishedBy is the Host IP that an engine gives its own endpoints.
func publishedBy(e *fact.Engine) netip.Addr {
	if e == nil {
		return netip.Addr{}
	}
	for i := range e.Networks {
		n := &e.Networks[i]
		for _, svc := range n.Services {
			for _, t := range svc.Tasks {
				own := func(x fact.Endpoint) bool { return x.ID == t.Endpoint && x.ID != "" }
				if t.HostIP.IsValid() && slices.ContainsFunc(n.Endpoints, own) {
					return t.HostIP
				}
			}
		}
	}
	return netip.Addr{}
}

// toldOf is the Host IP that an engine believes a node's tasks have.
func (in *In) toldOf(e *fact.Engine, node fact.NodeID) netip.Addr {
	if e == nil || node == "" {
		return netip.Addr{}
	}
	for i := range e.Networks {
		for _, svc := range e.Networks[i].Services {
			for _, t := range svc.Tasks {
				n, ok := expect.ParseTaskName(t.Name)
				if task := in.Wanted.Task(n.Task); ok && task != nil && task.Node == node && task.Running() && t.HostIP.IsValid() {
					return t.HostIP
				}
			}
		}
	}
	return netip.Addr{}
}

// crossings says what the probes from a node to a peer's tasks came to, over all
// overlays of the question: whether any was answered, and whether one never was.
func (in *In) crossings(node *fact.Node, peer *expect.Peer) (some, never bool) {
	if node.Engine == nil {
		return false, false
	}
	for i := range node.Engine.Networks {
		n := &node.Engine.Networks[i]
		if n.Driver != "overlay" || !n.Instantiated {
			continue
		}
		switch in.crossed(&overlay{Node: node, Net: n}, &pair{Node: node, Peer: *peer}) {
		case crossedSome:
			some = true
		case crossedNever:
			never = true
		}
	}
	return some, never
}

// wayBack is how a node's kernel would send to a peer, nil when it was not asked
// or refused.
func wayBack(host *fact.NetNS, peer netip.Addr) *fact.RouteLookup {
	i := slices.IndexFunc(host.Lookups, func(l fact.RouteLookup) bool { return l.Dst == peer && l.Err == "" })
	if i < 0 {
		return nil
	}
	return &host.Lookups[i]
}

// hostOf is a sighted node's own namespace, if these kinds of fact were read in
// it; where they were not, that is recorded.
func (in *In) hostOf(node *fact.Node, kinds ...fact.Kind) *fact.NetNS {
	if node.Engine == nil || node.Kernel.Host() == nil {
		in.Blind("%s: the host's namespace was not seen", node.Name)
		return nil
	}
	host := node.Kernel.Host()
	if !in.Can(node, host.Name, kinds...) {
		return nil
	}
	return host
}

// onlyPeer is the peer's name where there is one, else empty.
func onlyPeer(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return ""
}
