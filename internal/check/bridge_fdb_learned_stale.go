package check

import (
	"fmt"
	"slices"

	"fairway/internal/fact"
)

// BridgeFDBLearnedStale finds MAC addresses that an overlay's bridge believes to
// be on the other side: a local task's behind the vxlan link, or a remote one's
// behind a container.
var BridgeFDBLearnedStale = &Check{
	ID:    "bridge-fdb-learned-stale",
	Title: "the overlay's bridge looks for a task on the wrong side",
	Doc: Doc{
		Symptom: "After a task moved to this node or away from it, connections between it and containers here time out, for up to five minutes or until it sends something itself.",
		Cause: "The overlay's bridge learns behind which of its ports a MAC address is from the frames that come in, and forgets after 300 s. An address that was used elsewhere before is still behind the old port; " +
			"every frame that comes refreshes it. The engine's permanent rows are on the vxlan link and do not matter to the bridge.",
		ByHand: "In the overlay's namespace `bridge fdb show br br0`: rows without `self` and `permanent` are the bridge's. A local container's MAC address must not be behind vxlan0, a remote one's not behind a veth.",
		Relief: "Delete the row; the bridge learns it anew.",
		Fix:    "Wait, or make the container send something (a ping to its gateway). If it comes back, two have the same MAC address, or frames loop back.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindNeighbours, fact.KindFDB, fact.KindTCP},
	Because: []string{"duplicate-mac", "duplicate-ip-or-vip", "duplicate-node-identity"},
	Run:     learnedStale,
}

func learnedStale(in *In) []Finding {
	var out []Finding
	held := in.heldRows()
	for _, o := range in.overlays(fact.KindLinks, fact.KindNeighbours, fact.KindFDB) {
		for i := range o.Net.Endpoints {
			e := &o.Net.Endpoints[i]
			row, l := o.learned(e.MAC, func(l *fact.Link) bool { return l.VXLAN != nil })
			far := in.failedAt(e)
			if row == nil || balancer(e.Key) || len(far) == 0 {
				continue // a row alone does no harm: the next frame puts it right
			}
			f := in.wrongSide(&o, row, l, e.Name, "behind its own veth")
			f.Nodes = far
			f.Subject = Subject{Kind: "container", ID: e.Key, Name: e.Name}
			if id := localTask(e); id != "" {
				f.Subject, f.Tasks = Subject{Kind: "task", ID: string(id), Name: e.Name}, []fact.TaskID{id}
			}
			out = append(out, f)
		}
		for i := range held {
			h := &held[i]
			if h.Node != o.Node || h.Net != o.Net {
				continue
			}
			row, l := o.learned(h.MAC, func(l *fact.Link) bool { return l.Kind == "veth" })
			if f := h.finding(in, ""); row != nil && f.Probed {
				g := in.wrongSide(&o, row, l, h.Name, "behind "+h.link())
				g.Subject, g.Peer, g.Tasks = f.Subject, f.Peer, f.Tasks
				out = append(out, g)
			}
		}
	}
	return out
}

// learned is the bridge's own row of a MAC address behind such a port.
func (o *overlay) learned(mac fact.MAC, port func(*fact.Link) bool) (*fact.FDBEntry, *fact.Link) {
	i := slices.IndexFunc(o.NS.FDB, func(r fact.FDBEntry) bool {
		l := o.NS.Link(r.Link)
		return r.MAC == mac && !mac.IsZero() && !r.Self && !r.Permanent && l != nil && port(l)
	})
	if i < 0 {
		return nil, nil
	}
	return &o.NS.FDB[i], o.NS.Link(o.NS.FDB[i].Link)
}

func (in *In) wrongSide(o *overlay, row *fact.FDBEntry, l *fact.Link, name, want string) Finding {
	return Finding{
		Certainty: Hint, Node: o.Node.Name, Network: o.Net.ID, Probed: true,
		Message:  fmt.Sprintf("the bridge of %s on %s looks for %s behind %s", o.Net.Name, o.Node.Name, name, l.Name),
		Evidence: []Evidence{{Where: fmt.Sprintf("%s: bridge of %s", o.Node.Name, o.Net.Name), Want: fmt.Sprintf("%s %s", row.MAC, want), Got: "behind " + l.Name}},
		Confirm:  fmt.Sprintf("on %s: %sbridge fdb show | grep %s", o.Node.Name, Enter(o.NS.Name), row.MAC),
		Relief:   fmt.Sprintf("on %s: %sbridge fdb del %s dev %s master", o.Node.Name, Enter(o.NS.Name), row.MAC, quoted(l.Name)),
	}
}
