package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// crossing is what probes say about the overlay between two nodes.
type crossing int

const (
	// crossedUnknown: nothing was tried, or it failed in some other way.
	crossedUnknown crossing = iota
	// crossedSome: at least one packet was answered.
	crossedSome
	// crossedNever: every connection was sent and none was answered by anybody.
	crossedNever
)

// overlayPeers lists the nodes that own endpoints of an overlay, by what the
// node's engine believes.
func (in *In) overlayPeers(o *overlay) []expect.Peer {
	var out []expect.Peer
	for _, row := range expect.RemoteRows(in.Snapshot, o.Node, o.Net.ID) {
		p := expect.Peer{ID: row.Node, Name: row.VTEP.String(), Addr: row.VTEP, Control: row.VTEP}
		if row.Node != "" {
			p.Name, p.Control = in.NodeName(row.Node), expect.Advertised(in.Snapshot, row.Node)
		}
		if !slices.ContainsFunc(out, func(q expect.Peer) bool { return q.Addr == p.Addr }) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b expect.Peer) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// crossed judges the probes from a node to a peer's tasks and notes the tasks.
// An echo that came back shows that packets pass, whatever TCP says.
func (in *In) crossed(o *overlay, p *pair) crossing {
	at := map[netip.Addr]bool{}
	for _, row := range in.remoteRows(o.Node, o.Net.ID) {
		at[row.IP] = at[row.IP] || row.VTEP == p.Peer.Addr
	}
	for _, m := range in.Seen.MTU {
		if m.From.Node == o.Node.Name && m.Network == o.Net.ID && at[m.Target] && m.Passed > 0 {
			return crossedSome
		}
	}
	out := crossedUnknown
	for _, t := range in.triedFrom(o.Node.Name, o.Net.ID) {
		if !at[t.Target.Addr()] || t.Outcome == fact.ProbeError {
			continue
		}
		switch {
		case t.Outcome == fact.Open || t.Outcome == fact.Refused:
			return crossedSome
		case t.Outcome != fact.Timeout || t.ICMP != nil || t.Unsent:
			return crossedUnknown
		}
		out = crossedNever
		for _, id := range []fact.TaskID{t.From.Task, t.To} {
			if id != "" && !slices.Contains(p.Tasks, id) {
				p.Tasks = append(p.Tasks, id)
			}
		}
	}
	slices.Sort(p.Tasks)
	return out
}

type triedOn struct {
	node string
	net  fact.NetworkID
}

// triedFrom are the connections that were tried from a node's tasks on a network.
func (in *In) triedFrom(node string, net fact.NetworkID) []*fact.TCPProbe {
	if in.attempts == nil {
		in.attempts = map[triedOn][]*fact.TCPProbe{}
		for i := range in.Seen.TCP {
			p := &in.Seen.TCP[i]
			k := triedOn{p.From.Node, p.Network}
			in.attempts[k] = append(in.attempts[k], p)
		}
	}
	return in.attempts[triedOn{node, net}]
}

// rowsRight: the kernel holds what the engine believes of every endpoint there,
// and no client remembers anything else. To an unknown MAC address the vxlan
// link drops what it is given, just as a firewall on the way out makes it do.
func (in *In) rowsRight(o *overlay, p *pair) bool {
	for _, h := range in.heldRows() {
		if h.Node != o.Node || h.Net != o.Net || h.VTEP != p.Peer.Addr {
			continue
		}
		leads := slices.ContainsFunc(h.FDB, func(f fact.FDBEntry) bool { return f.Dst == h.VTEP })
		if h.Neigh == nil || h.Neigh.MAC != h.MAC || !leads || len(in.wrongClients(&h)) > 0 {
			return false
		}
	}
	return true
}

// sent says how many packets the vxlan link sent during the probes, or dropped
// itself, which is what a firewall on the way out of this host makes it do;
// empty for none. ok is false where the counters were not read twice.
func (o *overlay) sent(vx *fact.Link) (said string, ok bool) {
	tx, dropped := o.NS.Counter(vx.Name, "tx_packets"), o.NS.Counter(vx.Name, "tx_dropped")
	if tx == nil || !tx.Twice {
		return "", false
	}
	switch {
	case dropped != nil && dropped.Delta() > tx.Delta():
		return fmt.Sprintf("%d packets dropped on the way out of %s itself (tx_dropped)", dropped.Delta(), o.Node.Name), true
	case tx.Delta() > 0:
		return fmt.Sprintf("%d packets sent (tx_packets), no answer", tx.Delta()), true
	}
	return "", true
}

// unladdered lists the ladders that should have been climbed and were not. One from
// the same node to the same other one will do, whichever tasks it was between.
func (in *In) unladdered() []fact.MTUProbe {
	nodeOf := func(id fact.TaskID) fact.NodeID {
		if t := in.Wanted.Task(id); t != nil {
			return t.Node
		}
		return ""
	}
	type way struct {
		node   string
		net    fact.NetworkID
		target netip.Addr
		to     fact.NodeID
	}
	climbed := map[way]bool{}
	for _, m := range in.Seen.MTU {
		climbed[way{m.From.Node, m.Network, m.Target, ""}] = true
		climbed[way{m.From.Node, m.Network, netip.Addr{}, nodeOf(m.To)}] = true
	}
	var out []fact.MTUProbe
	for _, want := range expect.First(in.Snapshot, in.Scope).MTU {
		to := nodeOf(want.To)
		if !climbed[way{want.From.Node, want.Network, want.Target, ""}] && (to == "" || !climbed[way{want.From.Node, want.Network, netip.Addr{}, to}]) {
			out = append(out, want)
		}
	}
	return out
}
