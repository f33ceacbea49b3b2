package expect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// Published is a port that a service publishes.
type Published struct {
	Service fact.ServiceID
	Name    string // the service's
	Port    fact.Port
	// Network is the routing mesh's; empty for a port published in host mode, and
	// where no network is the mesh.
	Network fact.NetworkID
}

// String is ":8080/tcp of api".
func (p Published) String() string {
	return fmt.Sprintf(":%d/%s of %s", p.Port.Published, p.Port.Proto, p.Name)
}

// Overlays are the networks on the paths of the question, the routing mesh's
// among them.
func (sc *Scope) Overlays() []fact.NetworkID {
	out := slices.Clone(sc.Networks)
	for _, p := range sc.Mesh {
		if p.Network != "" {
			out = union(out, []fact.NetworkID{p.Network})
		}
	}
	return out
}

// Ingress is the network of the routing mesh, whatever its name; nil when there is none.
func Ingress(s *fact.Snapshot) *fact.Network {
	if s.Wanted == nil {
		return nil
	}
	for i := range s.Wanted.Networks {
		if n := &s.Wanted.Networks[i]; n.Ingress {
			return n
		}
	}
	return nil
}

// publishing lists the published ports of services, of all where none is named, by number.
func publishing(s *fact.Snapshot, of []fact.ServiceID) []Published {
	if s.Wanted == nil {
		return nil
	}
	var out []Published
	for _, svc := range s.Wanted.Services {
		if of != nil && !slices.Contains(of, svc.ID) || svc.AgentPort != 0 {
			continue
		}
		for _, p := range svc.Ports {
			if p.Published == 0 {
				continue
			}
			one := Published{Service: svc.ID, Name: svc.Name, Port: p}
			if n := Ingress(s); n != nil && p.Mode == "ingress" {
				one.Network = n.ID
			}
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(a, b Published) int {
		return cmp.Or(cmp.Compare(a.Port.Published, b.Port.Published), strings.Compare(a.Port.Proto, b.Port.Proto), strings.Compare(a.Name, b.Name))
	})
	return out
}

// resolvePublished finds who publishes the port of the question, and adds the
// ends of that path: every node on one side, its tasks on the other.
func resolvePublished(s *fact.Snapshot, sc *Scope) error {
	q := s.Question
	if q.Node != "" && q.To == "" { // it says who asks; with ends they say it
		if _, err := onNode(s, nil, q.Node); err != nil {
			return err
		}
	}
	if q.Published != 0 {
		all := publishing(s, nil)
		for _, p := range all {
			if p.Port.Published == q.Published && (q.PublishedProto == "" || q.PublishedProto == p.Port.Proto) {
				sc.Mesh = append(sc.Mesh, p)
			}
		}
		if len(sc.Mesh) == 0 {
			return notPublished(s, all)
		}
	}
	if q.Mesh {
		sc.Mesh = append(sc.Mesh, slices.DeleteFunc(publishing(s, slices.Concat(sc.FromServices, sc.ToServices)), func(p Published) bool {
			return p.Network == ""
		})...)
	}
	alone := q.To == "" && !q.All
	for _, p := range sc.Mesh {
		if alone && !slices.Contains(sc.ToServices, p.Service) {
			sc.To = append(sc.To, serviceEnds(s, p.Service)...)
			sc.ToServices = append(sc.ToServices, p.Service)
		}
	}
	if len(sc.Mesh) > 0 {
		sc.Asked, sc.Nodes = entrances(s), entrances(s)
	}
	if q.Mesh {
		sc.Nodes = slices.DeleteFunc(sc.Nodes, func(id fact.NodeID) bool { return leftOut(s, id) })
	}
	return nil
}

// entrances are the nodes that the routing mesh listens on: all that are not
// down, drained ones too; these only where they were asked for, because no agent
// runs there.
func entrances(s *fact.Snapshot) []fact.NodeID {
	var out []fact.NodeID
	for _, n := range s.Wanted.Nodes {
		if n.State == "ready" && (n.Availability != "drain" || !s.Question.Mesh) {
			out = append(out, n.ID)
		}
	}
	return out
}

// leftOut: a node that nobody looked at, and that the question can do without.
func leftOut(s *fact.Snapshot, id fact.NodeID) bool {
	name := NodeName(s, id)
	return s.Node(id) == nil && slices.ContainsFunc(s.Gaps, func(g fact.Gap) bool {
		return g.Node == name && g.Kind == fact.KindNode && g.Class == fact.ClassAside
	})
}

func notPublished(s *fact.Snapshot, all []Published) error {
	q := s.Question
	e := &NameError{What: "published port", Name: fmt.Sprintf(":%d", q.Published), Why: "is not published by any service"}
	if q.PublishedProto != "" {
		e.Name += "/" + q.PublishedProto
	}
	if s.Wanted == nil {
		e.Why = "cannot be looked up: the managers do not answer, and they alone know what is published"
		return e
	}
	var list []string
	for _, p := range all {
		one := p.String()
		if p.Port.Mode == "host" {
			one += " (host mode)"
		}
		list = append(list, one)
	}
	switch n := len(list); {
	case n == 0:
		e.Why = "is not published: no service publishes any port"
	case n > 12:
		e.Why += fmt.Sprintf("; published are %s and %d more", strings.Join(list[:12], ", "), n-12)
	default:
		e.Why += "; published are " + strings.Join(list, ", ")
	}
	return e
}

// Onward reports whether what was asked is whole and one of its ends publishes
// a port through the routing mesh, so that the runbook goes on to part I (U4).
func Onward(s *fact.Snapshot, sc *Scope) bool {
	q := s.Question
	if q.All || q.To == "" || q.Published != 0 || q.Mesh || len(s.Seen.TCP) == 0 || sc.Outside != nil {
		return false
	}
	if slices.ContainsFunc(s.Seen.TCP, func(p fact.TCPProbe) bool { return p.Outcome != fact.Open }) {
		return false
	}
	if slices.ContainsFunc(s.Seen.Published, func(p fact.PublishedProbe) bool { return bad(&p) }) {
		return false
	}
	return slices.ContainsFunc(publishing(s, slices.Concat(sc.FromServices, sc.ToServices)), func(p Published) bool { return p.Network != "" })
}
