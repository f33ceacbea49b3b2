package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// heldRow is what a node should hold for a remote endpoint, beside what it does.
type heldRow struct {
	expect.Row
	Node *fact.Node
	Net  *fact.EngineNetwork
	NS   *fact.NetNS
	// Neigh is the permanent neighbour row of the address on the vxlan link.
	Neigh *fact.Neighbour
	// FDB are the permanent rows of the address's MAC on the vxlan link itself.
	FDB []fact.FDBEntry
}

// heldRows compares belief and kernel on every sighted node and overlay, in the
// order of nodes, networks and addresses.
func (in *In) heldRows() []heldRow {
	var out []heldRow
	for _, o := range in.overlays(fact.KindLinks, fact.KindNeighbours, fact.KindFDB) {
		vx := o.VXLAN()
		if vx == nil {
			in.Blind("%s: %s has no vxlan link", o.Node.Name, o.Net.Name)
			continue
		}
		rows := expect.RemoteRows(in.Snapshot, o.Node, o.Net.ID)
		slices.SortFunc(rows, func(a, b expect.Row) int { return cmp.Or(a.IP.Compare(b.IP), cmp.Compare(a.Name, b.Name)) })
		for _, row := range rows {
			out = append(out, hold(row, o.Node, o.Net, o.NS, vx))
		}
	}
	return out
}

func hold(row expect.Row, node *fact.Node, net *fact.EngineNetwork, ns *fact.NetNS, vx *fact.Link) heldRow {
	h := heldRow{Row: row, Node: node, Net: net, NS: ns}
	for i := range ns.Neighbours {
		if n := &ns.Neighbours[i]; n.IP == row.IP && isVXLAN(ns, n.Link, vx) && n.State == fact.Permanent {
			h.Neigh = n
		}
	}
	if row.Task == "" && h.Neigh != nil {
		// A standalone container may have asked for any MAC; only its owner knows.
		h.MAC = h.Neigh.MAC
	}
	for _, f := range ns.FDB {
		if f.MAC == h.MAC && isVXLAN(ns, f.Link, vx) && f.Self && f.Permanent {
			h.FDB = append(h.FDB, f)
		}
	}
	return h
}

// isVXLAN: a network of several subnets has one vxlan link for each.
func isVXLAN(ns *fact.NetNS, index int, vx *fact.Link) bool {
	if index == vx.Index {
		return true
	}
	l := ns.Link(index)
	return l != nil && l.VXLAN != nil
}

// finding starts a finding about this row.
func (h *heldRow) finding(in *In, message string) Finding {
	f := Finding{Certainty: Proof, Node: h.Node.Name, Network: h.Net.ID, Peer: in.peerOf(h), Message: message,
		Subject: Subject{Kind: "container", Name: h.Name}, Tasks: in.tasksAt(h.Net.ID, h.IP)}
	if h.Task != "" {
		f.Subject = Subject{Kind: "task", ID: string(h.Task), Name: h.Name}
		f.Probed = len(in.FailedTo(h.Node.Name, h.Task)) > 0
	}
	return f
}

// peerOf names the node that owns the row's endpoint, its address when nobody
// knows the name.
func (in *In) peerOf(h *heldRow) string {
	if h.Row.Node == "" {
		return h.VTEP.String()
	}
	return in.NodeName(h.Row.Node)
}

// tasksAt lists the tasks that the managers gave an address to: more than one
// when it was given twice, and then a row can be right for one of them only.
func (in *In) tasksAt(net fact.NetworkID, ip netip.Addr) []fact.TaskID {
	var out []fact.TaskID
	if in.Wanted == nil {
		return nil
	}
	for i := range in.Wanted.Tasks {
		if t := &in.Wanted.Tasks[i]; t.Running() && t.Addr(net) == ip {
			out = append(out, t.ID)
		}
	}
	return out
}

func (h *heldRow) where(table string) string {
	return fmt.Sprintf("%s: %s of %s", h.Node.Name, table, h.Net.Name)
}

func (h *heldRow) wantFDB() string   { return fmt.Sprintf("%s → %s", h.MAC, h.VTEP) }
func (h *heldRow) wantNeigh() string { return fmt.Sprintf("%s → %s", h.IP, h.MAC) }

// link is the name of the vxlan link that should carry the row.
func (h *heldRow) link() string {
	for _, l := range h.NS.Links {
		if l.VXLAN != nil {
			return l.Name
		}
	}
	return "vxlan0"
}

// addFDB and addNeigh are the commands that put the rows right by hand, as the
// engine would have.
func (h *heldRow) addFDB() string {
	return fmt.Sprintf("on %s: %sbridge fdb replace %s dev %s dst %s self permanent", h.Node.Name, Enter(h.NS.Name), h.MAC, quoted(h.link()), h.VTEP)
}

func (h *heldRow) addNeigh() string {
	return fmt.Sprintf("on %s: %sip neigh replace %s lladdr %s dev %s nud permanent", h.Node.Name, Enter(h.NS.Name), h.IP, h.MAC, quoted(h.link()))
}

func (h *heldRow) showFDB() string {
	return fmt.Sprintf("on %s: %sbridge fdb show dev %s | grep %s", h.Node.Name, Enter(h.NS.Name), quoted(h.link()), h.MAC)
}

func (h *heldRow) showNeigh() string {
	return fmt.Sprintf("on %s: %sip neigh show %s dev %s", h.Node.Name, Enter(h.NS.Name), h.IP, quoted(h.link()))
}
