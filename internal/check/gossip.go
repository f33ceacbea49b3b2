package check

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// addrsOf lists the addresses by which gossip may know a node.
func (in *In) addrsOf(id fact.NodeID) []netip.Addr {
	var out []netip.Addr
	add := func(a netip.Addr) {
		if a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	if n := in.Node(id); n != nil && n.Engine != nil {
		add(n.Engine.Swarm.NodeAddr)
	}
	add(expect.VTEP(in.Snapshot, id))
	add(expect.Advertised(in.Snapshot, id))
	if n := in.Wanted.Node(id); n != nil {
		add(n.Addr)
	}
	return out
}

// lists reports whether a node is among the peers of a network, by one engine.
func (in *In) lists(net *fact.EngineNetwork, id fact.NodeID) bool {
	known := in.addrsOf(id)
	return net != nil && slices.ContainsFunc(net.Peers, func(p fact.Peer) bool { return slices.Contains(known, p.IP) })
}

// heardBy names the nodes whose engines count a node among their peers on any
// network, other than the node itself. of is how many could have.
func (in *In) heardBy(id fact.NodeID) (by []string, of int) {
	for i := range in.Nodes {
		n := &in.Nodes[i]
		if n.ID == id || n.Engine == nil || in.Missing(n.Name, "", fact.KindNetworks) != nil {
			continue
		}
		joined := func(e fact.EngineNetwork) bool { return e.Driver == "overlay" && e.Instantiated }
		if !slices.ContainsFunc(n.Engine.Networks, joined) {
			continue
		}
		of++
		if slices.ContainsFunc(n.Engine.Networks, func(e fact.EngineNetwork) bool { return joined(e) && in.lists(&e, id) }) {
			by = append(by, n.Name)
		}
	}
	slices.Sort(by)
	return by, of
}

// portProbes are the probes to a node's port from all others that were seen, by
// what the port is for.
func (in *In) portProbes(to fact.NodeID, what string) []fact.PeerProbe {
	var out []fact.PeerProbe
	for _, p := range in.Seen.Peers {
		if p.Peer == to && p.What == what && p.Outcome != fact.ProbeError {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, comparePeerProbes)
	return out
}

func outcomes(list []fact.PeerProbe, o fact.Outcome) int {
	n := 0
	for _, p := range list {
		if p.Outcome == o {
			n++
		}
	}
	return n
}

func comparePeerProbes(a, b fact.PeerProbe) int {
	return cmp.Or(strings.Compare(a.Node, b.Node), strings.Compare(string(a.Peer), string(b.Peer)), a.Target.Compare(b.Target))
}

// names writes the host names of nodes in one line.
func (in *In) names(ids []fact.NodeID) string {
	var out []string
	for _, id := range ids {
		out = append(out, in.NodeName(id))
	}
	slices.Sort(out)
	return listed(out)
}

// peersOf writes the peers of a network as one engine counts them, by host name
// where it is known.
func (in *In) peersOf(e *fact.EngineNetwork) string {
	var out []string
	for _, p := range e.Peers {
		name := p.IP.String()
		for _, n := range in.Wanted.Nodes {
			if slices.Contains(in.addrsOf(n.ID), p.IP) {
				name = n.Hostname
			}
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return cmp.Or(listed(slices.Compact(out)), "none")
}

// joined is what a node that was seen believes of a network it takes part in, else nil.
func (in *In) joined(id fact.NodeID, net fact.NetworkID) *fact.EngineNetwork {
	n := in.Node(id)
	if n == nil || in.Missing(n.Name, "", fact.KindNetworks) != nil {
		return nil
	}
	if e := n.Engine.Network(net); e != nil && e.Instantiated {
		return e
	}
	return nil
}

// islands groups the ready nodes with an endpoint on a network by who counts
// whom among its peers; the largest group comes first, of equal ones the one
// with the leader. Of two nodes that were both seen, both must: one that left
// still knows the others. Nodes that were not seen and that nobody counts are
// one group, for lack of knowing better.
func (in *In) islands(net fact.NetworkID) [][]fact.NodeID {
	var out [][]fact.NodeID
	var unheard []fact.NodeID
	for _, pass := range []bool{true, false} { // those that were seen first
		for _, n := range in.Wanted.Nodes {
			seen := in.joined(n.ID, net) != nil
			if n.State != "ready" || seen != pass || !seen && (in.Node(n.ID) != nil || len(in.wantedOn(n.ID, net)) == 0) {
				continue
			}
			group := []fact.NodeID{n.ID}
			rest := slices.DeleteFunc(slices.Clone(out), func(g []fact.NodeID) bool {
				near := slices.ContainsFunc(g, func(o fact.NodeID) bool { return in.together(net, o, n.ID) })
				if near {
					group = append(group, g...)
				}
				return near
			})
			if len(group) == 1 && !seen {
				unheard = append(unheard, n.ID)
				continue
			}
			out = append(rest, group)
		}
	}
	if len(unheard) > 0 {
		out = append(out, unheard)
	}
	for _, g := range out {
		slices.Sort(g)
	}
	slices.SortFunc(out, func(a, b []fact.NodeID) int {
		return cmp.Or(len(b)-len(a), in.leaders(b)-in.leaders(a), slices.Compare(a, b))
	})
	return out
}

func (in *In) together(net fact.NetworkID, a, b fact.NodeID) bool {
	x, y := in.joined(a, net), in.joined(b, net)
	return (x == nil || in.lists(x, b)) && (y == nil || in.lists(y, a)) && (x != nil || y != nil)
}

func (in *In) leaders(ids []fact.NodeID) int {
	n := 0
	for _, id := range ids {
		if w := in.Wanted.Node(id); w != nil && w.Leader {
			n++
		}
	}
	return n
}
