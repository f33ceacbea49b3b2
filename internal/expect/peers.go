package expect

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"fairway/internal/fact"
)

// Peer is another node of the Swarm, by its underlay address.
type Peer struct {
	// ID is empty when nobody knows it.
	ID fact.NodeID
	// Name is the host name; the address when nobody knows the name.
	Name string
	Addr netip.Addr
}

// Peers lists the nodes that a node must reach for the question, by name: those
// that hold an end; those where a task of the question's services is not at
// rest, because a node that went down holds no end any more; and where no
// manager answers, those that gossip names and the managers the engine knows.
func Peers(s *fact.Snapshot, sc *Scope, node *fact.Node) []Peer {
	var out []Peer
	add := func(id fact.NodeID, a netip.Addr) {
		known := slices.ContainsFunc(out, func(p Peer) bool { return p.Addr == a })
		if !a.IsValid() || known || id == node.ID && id != "" || ownAddr(node, a) {
			return
		}
		name := a.String()
		if id != "" {
			name = NodeName(s, id)
		}
		out = append(out, Peer{id, name, a})
	}
	for _, id := range PathNodes(sc) {
		add(id, VTEP(s, id))
	}
	if s.Wanted == nil {
		for _, a := range gossiped(node.Engine, sc) {
			add(NodeAt(s, a), a)
		}
	} else {
		for _, id := range restless(s, sc) {
			add(id, VTEP(s, id))
		}
	}
	slices.SortFunc(out, func(a, b Peer) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func ownAddr(n *fact.Node, a netip.Addr) bool {
	if n.Engine != nil && n.Engine.Swarm.NodeAddr == a {
		return true
	}
	host := n.Kernel.Host()
	return host != nil && host.LinkWith(a) != nil
}

// restless lists the nodes of tasks that are not at rest, wanted or not.
func restless(s *fact.Snapshot, sc *Scope) []fact.NodeID {
	var out []fact.NodeID
	for i := range s.Wanted.Tasks {
		t := &s.Wanted.Tasks[i]
		ours := slices.Contains(sc.FromServices, t.ServiceID) || slices.Contains(sc.ToServices, t.ServiceID)
		if ours && t.Node != "" && !t.Terminal() {
			out = append(out, t.Node)
		}
	}
	return out
}

func gossiped(e *fact.Engine, sc *Scope) []netip.Addr {
	if e == nil {
		return nil
	}
	var out []netip.Addr
	for _, n := range e.Networks {
		if len(sc.Networks) > 0 && !slices.Contains(sc.Networks, n.ID) {
			continue
		}
		for _, p := range n.Peers {
			out = append(out, p.IP)
		}
	}
	for _, m := range e.Swarm.Managers {
		out = append(out, m.Addr())
	}
	return out
}

// HostAddr is the address of a node's host, where an agent or an SSH server is:
// by the managers, who speak to it; its VTEP where they do not say. A node whose
// VTEP is wrong must still be reached.
func HostAddr(s *fact.Snapshot, id fact.NodeID) netip.Addr {
	if n := s.Wanted.Node(id); n != nil && n.Addr.IsValid() && !n.Addr.IsUnspecified() && !n.Addr.IsLoopback() {
		return n.Addr
	}
	return VTEP(s, id)
}

// Stricken lists the nodes where a task of the question's services failed or was
// rejected in the last two minutes: the cause may be there although the next try
// waits, and has no node yet.
func Stricken(s *fact.Snapshot, sc *Scope) []fact.NodeID {
	var out []fact.NodeID
	if s.Wanted == nil {
		return nil
	}
	for i := range s.Wanted.Tasks {
		t := &s.Wanted.Tasks[i]
		ours := slices.Contains(sc.FromServices, t.ServiceID) || slices.Contains(sc.ToServices, t.ServiceID)
		ended := t.State == "failed" || t.State == "rejected"
		if ours && ended && t.Node != "" && s.Taken.Sub(t.StateSince) < 2*time.Minute && !slices.Contains(out, t.Node) {
			out = append(out, t.Node)
		}
	}
	return out
}
