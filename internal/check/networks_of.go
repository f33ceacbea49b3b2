package check

import (
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// networksOf lists every network that an end of the question is attached to, by
// definition or by an address it has; ingress and bridges are among them.
func (in *In) networksOf(ends []expect.End, services []fact.ServiceID) []fact.NetworkID {
	var out []fact.NetworkID
	for _, id := range services {
		if svc := in.Wanted.Service(id); svc != nil {
			for _, a := range svc.Attached {
				out = append(out, a.Network)
			}
		}
	}
	for _, e := range ends {
		for _, a := range e.Addresses {
			out = append(out, a.Network)
		}
		if c := in.containerOf(&e); c != nil {
			for _, ep := range c.Endpoints {
				out = append(out, ep.Network)
			}
		}
	}
	slices.SortFunc(out, func(a, b fact.NetworkID) int {
		if n := strings.Compare(in.NetworkName(a), in.NetworkName(b)); n != 0 {
			return n
		}
		return strings.Compare(string(a), string(b))
	})
	return slices.Compact(out)
}

// containerOf is the container of an end, nil where its engine was not asked.
func (in *In) containerOf(e *expect.End) *fact.Container {
	if n := in.Node(e.Node); n != nil {
		return n.Engine.Container(e.Container)
	}
	return nil
}

// meets reports whether names and packets pass on a network: not on ingress,
// whose addresses are for the routing mesh.
func (in *In) meets(id fact.NetworkID) bool {
	n := expect.Network(in.Snapshot, id)
	return n == nil || !n.Ingress
}

// networkList writes networks the way a sentence wants them.
func (in *In) networkList(ids []fact.NetworkID) string {
	var out []string
	for _, id := range ids {
		name := in.NetworkName(id)
		if n := expect.Network(in.Snapshot, id); n != nil && n.Ingress {
			name += " (the routing mesh, which does not count)"
		}
		out = append(out, name)
	}
	if len(out) == 0 {
		return "no network"
	}
	return strings.Join(out, ", ")
}
