package expect

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"fairway/internal/fact"
)

// Peer is another node of the Swarm, by its addresses in the underlay.
type Peer struct {
	// ID is empty when nobody knows it.
	ID fact.NodeID
	// Name is the host name; the address when nobody knows the name.
	Name string
	// Addr is where overlay packets to it go (its VTEP).
	Addr netip.Addr
	// Control is where its gossip and, on a manager, the Swarm's API listen. It
	// differs from Addr where nodes joined with --data-path-addr, and is not valid
	// where nobody can tell.
	Control netip.Addr
}

// Addrs are the addresses of a peer, each once.
func (p *Peer) Addrs() []netip.Addr {
	if p.Control == p.Addr || !p.Control.IsValid() {
		return []netip.Addr{p.Addr}
	}
	return []netip.Addr{p.Addr, p.Control}
}

// At is the peer as if it had that address only.
func (p *Peer) At(a netip.Addr) Peer { return Peer{ID: p.ID, Name: p.Name, Addr: a, Control: a} }

// Peers lists the nodes that a node must reach for the question, by name: those
// that hold an end; those where a task of the question's services is not at
// rest, because a node that went down holds no end any more; and where no
// manager answers, those that gossip names and the managers the engine knows.
func Peers(s *fact.Snapshot, sc *Scope, node *fact.Node) []Peer {
	var out []Peer
	add := func(id fact.NodeID, a, control netip.Addr) {
		known := slices.ContainsFunc(out, func(p Peer) bool { return p.Addr == a })
		if !a.IsValid() || known || id == node.ID && id != "" || ownAddr(node, a) {
			return
		}
		name := a.String()
		if id != "" {
			name = NodeName(s, id)
		}
		out = append(out, Peer{id, name, a, control})
	}
	for _, id := range PathNodes(sc) {
		add(id, VTEP(s, id), Advertised(s, id))
	}
	if s.Wanted == nil {
		for _, a := range gossiped(node.Engine, sc) {
			add("", a, a)
		}
		for _, a := range tunnelled(node.Engine, sc) {
			add("", a, netip.Addr{})
		}
	} else {
		for _, id := range restless(s, sc) {
			add(id, VTEP(s, id), Advertised(s, id))
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

// tunnelled lists the addresses to which an engine sends overlay packets of the
// question.
func tunnelled(e *fact.Engine, sc *Scope) []netip.Addr {
	if e == nil {
		return nil
	}
	var out []netip.Addr
	for _, n := range e.Networks {
		if len(sc.Networks) > 0 && !slices.Contains(sc.Networks, n.ID) {
			continue
		}
		for _, svc := range n.Services {
			for _, t := range svc.Tasks {
				if t.HostIP.IsValid() && !slices.Contains(out, t.HostIP) {
					out = append(out, t.HostIP)
				}
			}
		}
	}
	return out
}

// HostAddr is the address of a node's host, where an agent or an SSH server is:
// by the managers, who speak to it; its VTEP where they do not say. A node whose
// VTEP is wrong must still be reached.
func HostAddr(s *fact.Snapshot, id fact.NodeID) netip.Addr {
	if n := s.Wanted.Node(id); n != nil && elsewhere(n.Addr) {
		return n.Addr
	}
	return Advertised(s, id)
}

// elsewhere: an address by which others can mean one host.
func elsewhere(a netip.Addr) bool { return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() }

// Advertised is the address at which a node's gossip listens and, if it is a
// manager, the Swarm's API (--advertise-addr): by its own engine, else by what
// managers tell of themselves. Of a worker that was not seen the managers know
// only where its connections come from; that counts where an engine gossips with
// it there. Else it is the VTEP, as in every Swarm without --data-path-addr.
func Advertised(s *fact.Snapshot, id fact.NodeID) netip.Addr {
	if n := s.Node(id); n != nil && n.Engine != nil && n.Engine.Swarm.NodeAddr.IsValid() {
		return n.Engine.Swarm.NodeAddr
	}
	if n := s.Wanted.Node(id); n != nil && elsewhere(n.ManagerAddr) {
		return n.ManagerAddr
	} else if n != nil && elsewhere(n.Addr) && gossips(s, n.Addr) {
		return n.Addr
	}
	return VTEP(s, id)
}

// gossips: an engine counts that address among the peers of an overlay.
func gossips(s *fact.Snapshot, a netip.Addr) bool {
	return slices.ContainsFunc(s.Nodes, func(n fact.Node) bool {
		return n.Engine != nil && slices.ContainsFunc(n.Engine.Networks, func(e fact.EngineNetwork) bool {
			return slices.ContainsFunc(e.Peers, func(p fact.Peer) bool { return p.IP == a })
		})
	})
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
