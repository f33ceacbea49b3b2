package cli

import (
	"net/netip"
	"path"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// host is a node on the path that is not this one.
type host struct {
	// id is empty when the managers do not answer; name is then its address.
	id   fact.NodeID
	name string
	addr netip.Addr
}

// aside names the drained managers that were not asked: an operator may take
// every manager for seen.
func aside(s *fact.Snapshot, asked []host) []fact.Gap {
	if s.Wanted == nil || agentService(s) == nil {
		return nil
	}
	var out []fact.Gap
	for _, n := range s.Wanted.Nodes {
		known := s.Node(n.ID) != nil || slices.ContainsFunc(asked, func(h host) bool { return h.id == n.ID })
		if n.Role == "manager" && n.Availability == "drain" && !known {
			out = append(out, fact.Gap{Node: n.Hostname, Kind: fact.KindNode, Class: fact.ClassAside,
				Reason: "not looked at: it is drained, so no task in question runs there, and no agent"})
		}
	}
	return out
}

func everyoneElse(s *fact.Snapshot) []host {
	var out []host
	if s.Wanted == nil {
		return nil
	}
	for _, n := range s.Wanted.Nodes {
		if s.Node(n.ID) == nil {
			out = append(out, host{id: n.ID, name: n.Hostname, addr: expect.HostAddr(s, n.ID)})
		}
	}
	return out
}

func elsewhere(s *fact.Snapshot, sc *expect.Scope) []host {
	var out []host
	ends := slices.Concat(sc.From, sc.To)
	for _, id := range sc.Nodes {
		ends = append(ends, expect.End{Node: id, NodeName: expect.NodeName(s, id)})
	}
	for _, e := range ends {
		known := func(h host) bool { return h.name == e.NodeName }
		if s.Node(e.Node) != nil || e.NodeName == "" || slices.ContainsFunc(out, known) {
			continue
		}
		h := host{id: e.Node, name: e.NodeName, addr: expect.HostAddr(s, e.Node)}
		if h.id == "" {
			h.addr, _ = netip.ParseAddr(e.NodeName)
		}
		out = append(out, h)
	}
	for _, id := range expect.Stricken(s, sc) {
		known := func(h host) bool { return h.id == id }
		if s.Node(id) == nil && s.Wanted.Node(id) != nil && !slices.ContainsFunc(out, known) {
			out = append(out, host{id: id, name: expect.NodeName(s, id), addr: expect.HostAddr(s, id)})
		}
	}
	return out
}

// wanting is what the question needs to know of every node, as far as the
// managers tell.
func wanting(s *fact.Snapshot, sc *expect.Scope) fleet.LookRequest {
	var r fleet.LookRequest
	for _, e := range sc.From {
		if e.Container != "" {
			r.Resolv = append(r.Resolv, e.Container)
		}
	}
	for _, p := range expect.Peers(s, sc, &fact.Node{}) {
		r.Peers = append(r.Peers, p.Addrs()...)
	}
	for _, p := range sc.Mesh {
		r.Ports = append(r.Ports, p.Port.Published)
	}
	slices.Sort(r.Ports)
	r.Ports = slices.Compact(r.Ports)
	return r
}

// leaving drops the gaps of sandboxes whose tasks are on their way out: a
// namespace that ends while it is looked at hides nothing. It reports whether
// gaps of other tasks' sandboxes are left.
func leaving(s *fact.Snapshot, wanted *fact.Wanted) bool {
	left := false
	s.Gaps = slices.DeleteFunc(s.Gaps, func(g fact.Gap) bool {
		n := s.NodeNamed(g.Node)
		if g.NetNS == "" || wanted == nil || n == nil || n.Engine == nil {
			return false
		}
		i := slices.IndexFunc(n.Engine.Containers, func(c fact.Container) bool { return path.Base(c.SandboxKey) == g.NetNS })
		if i < 0 || n.Engine.Containers[i].TaskID == "" {
			return false
		}
		t := wanted.Task(n.Engine.Containers[i].TaskID)
		goes := t == nil || t.Desired != "running"
		left = left || !goes
		return goes
	})
	return left
}
