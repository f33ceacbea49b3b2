package check

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// ending is one endpoint of an overlay, on a seen node or as a neighbour's
// kernel knows it.
type ending struct {
	Subject Subject
	Network fact.NetworkID
	// Key tells endpoints apart: the address they were given.
	Addr netip.Addr
	MAC  fact.MAC
	// Node is the host name of its node, the VTEP when nobody knows the name.
	Node string
	Task fact.TaskID
	// Container is the standalone container, which may have asked for its MAC.
	Container string
	// Link and NS are where a local endpoint's interface is, empty for others.
	Link, NS string
	// From is who says so, for people.
	From string
}

// endings lists every endpoint with a MAC address that somebody vouches for:
// local ones by their engine and by their link, and remote standalone
// containers, whose MAC only their node's gossip tells, by the neighbour rows.
func (in *In) endings() []ending {
	var out []ending
	for _, o := range in.overlays(fact.KindLinks, fact.KindNeighbours, fact.KindFDB) {
		for _, p := range in.ports(o.Node, o.Net, o.NS) {
			e := ending{Subject: p.Subject, Network: o.Net.ID, Addr: p.Prefix.Addr(), MAC: p.MAC, Node: o.Node.Name, Task: p.Task,
				NS: p.Sandbox.Name, From: "engine of " + o.Node.Name}
			if p.Task == "" && p.Kind == "container" {
				e.Container = p.ID
			}
			if p.Inner != nil {
				e.Link = p.Inner.Name
			}
			out = append(out, e)
			if p.Inner != nil && p.Inner.MAC != p.MAC {
				e.MAC, e.From = p.Inner.MAC, p.Inner.Name+" on "+o.Node.Name
				out = append(out, e)
			}
		}
	}
	for _, h := range in.heldRows() {
		if seen := in.Node(h.Row.Node); seen == nil && h.Neigh != nil {
			e := ending{Subject: Subject{Kind: "container", Name: h.Name}, Network: h.Net.ID, Addr: h.IP, MAC: h.MAC, Node: in.peerOf(&h), Task: h.Task, From: "rows of " + h.Node.Name}
			if h.Task != "" {
				e.Subject = Subject{Kind: "task", ID: string(h.Task), Name: h.Name}
			} else {
				e.Container = h.Name
			}
			out = append(out, e)
		}
	}
	out = slices.DeleteFunc(out, func(e ending) bool { return e.MAC.IsZero() || !e.Addr.IsValid() })
	slices.SortFunc(out, func(a, b ending) int {
		return cmp.Or(strings.Compare(string(a.Network), string(b.Network)), strings.Compare(a.MAC.String(), b.MAC.String()),
			a.Addr.Compare(b.Addr), strings.Compare(a.From, b.From))
	})
	return slices.CompactFunc(out, func(a, b ending) bool { return a.Network == b.Network && a.MAC == b.MAC && a.Addr == b.Addr })
}

// intruder is which of several with one MAC address is to give way: one whose
// MAC does not follow from its address, a standalone container before a task.
func intruder(have []ending) *ending {
	rank := func(e ending) int {
		switch {
		case e.MAC == fact.OverlayMAC(e.Addr):
			return 2
		case e.Container != "":
			return 0
		}
		return 1
	}
	i := 0
	for k := range have {
		if rank(have[k]) < rank(have[i]) {
			i = k
		}
	}
	return &have[i]
}

// localTask is the running task of a node's own endpoint, empty for others.
func localTask(e *fact.Endpoint) fact.TaskID {
	n, _ := expect.ParseTaskName(e.Name)
	return n.Task
}

// failedAt lists the nodes at the other end of failed probes from or to a local
// endpoint.
func (in *In) failedAt(e *fact.Endpoint) []fact.NodeID {
	var out []fact.NodeID
	for _, p := range in.Seen.TCP {
		var far fact.NodeID
		switch {
		case !failed(p.Outcome):
			continue
		case p.Target.Addr() == e.Addr.Addr():
			far = nodeNamed(in.Snapshot, p.From.Node)
		case p.From.Container == fact.ContainerID(e.Key):
			if t := in.Wanted.Task(p.To); t != nil {
				far = t.Node
			}
		default:
			continue
		}
		if !slices.Contains(out, far) {
			out = append(out, far)
		}
	}
	slices.Sort(out)
	return out
}
