package check

import (
	"slices"
	"strings"

	"fairway/internal/fact"
)

// need is what a network's subnets have, and what they should give out.
type need struct {
	Room, VIPs, Tasks, Nodes int
	// Waiting have no address, or do not start although they have; Refused were
	// told so.
	Waiting, Refused []*fact.Task
}

func subnets(n *fact.Network) string {
	var out []string
	for _, s := range n.Subnets {
		out = append(out, s.Prefix.String())
	}
	return strings.Join(out, ", ")
}

// needs counts who needs an address of a network: of tasks those that are not
// at an end, for an ending one keeps its address.
func (in *In) needs(n *fact.Network) need {
	var d need
	for _, s := range n.Subnets {
		if bits := s.Prefix.Addr().BitLen() - s.Prefix.Bits(); s.Prefix.IsValid() {
			d.Room += 1<<min(bits, 24) - min(3, 1<<min(bits, 24))
		}
	}
	var nodes []fact.NodeID
	for _, svc := range in.Wanted.Services {
		d.VIPs += len(slices.DeleteFunc(slices.Clone(svc.VIPs), func(v fact.VIP) bool { return v.Network != n.ID }))
	}
	for i := range in.Wanted.Tasks {
		t := &in.Wanted.Tasks[i]
		svc := in.Wanted.Service(t.ServiceID)
		attached := svc != nil && slices.ContainsFunc(svc.Attached, func(a fact.Attachment) bool { return a.Network == n.ID })
		switch has := t.Addr(n.ID).IsValid(); {
		case t.Terminal():
			if attached && strings.Contains(t.Err, "addresses may be exhausted") && in.Taken.Sub(t.StateSince) < recent {
				d.Refused = append(d.Refused, t)
			}
		case has || attached:
			if has {
				d.Tasks++
			}
			if has && t.Node != "" && !slices.Contains(nodes, t.Node) {
				nodes = append(nodes, t.Node)
			}
			if t.Desired != "shutdown" && t.Desired != "remove" && t.State != "running" {
				d.Waiting = append(d.Waiting, t)
			}
		}
	}
	if d.Nodes = len(nodes); n.Ingress {
		d.Nodes = len(in.Wanted.Nodes) // the routing mesh is on all
	}
	byID := func(a, b *fact.Task) int { return strings.Compare(string(a.ID), string(b.ID)) }
	slices.SortFunc(d.Waiting, byID)
	slices.SortFunc(d.Refused, byID)
	return d
}
