package expect

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/fact"
)

// byAddress finds an end by an address that Swarm gave it: a virtual IP means
// its service, any other its task or container.
func byAddress(s *fact.Snapshot, addr netip.Addr) ([]End, []fact.ServiceID, error) {
	addr = addr.Unmap()
	if s.Wanted != nil {
		for _, svc := range s.Wanted.Services {
			if slices.ContainsFunc(svc.VIPs, func(v fact.VIP) bool { return v.Addr.Addr() == addr }) {
				return serviceEnds(s, svc.ID), []fact.ServiceID{svc.ID}, nil
			}
		}
	}
	ends := having(s, addr)
	switch len(ends) {
	case 0:
		return nil, nil, &NameError{What: "address", Name: addr.String(), Outside: true,
			Why: "belongs to no service, task or container that is known here"}
	case 1:
		return ends, servicesOf(ends), nil
	}
	var names []string
	for _, e := range ends {
		names = append(names, e.Name)
	}
	return nil, nil, &NameError{What: "address", Name: addr.String(), Near: names[:min(3, len(names))],
		Why: fmt.Sprintf("belongs to %d tasks and containers; say which by its name", len(ends))}
}

// having lists the ends with an address: tasks that should run, containers, and
// without the managers what gossip tells. The bridges that every node has for
// itself use the same addresses over and over and count for nothing.
func having(s *fact.Snapshot, addr netip.Addr) []End {
	var out []End
	add := func(e End) {
		has := func(a fact.TaskAddress) bool {
			n := Network(s, a.Network)
			return a.Addr.Addr() == addr && (n == nil || n.Driver == "overlay")
		}
		if slices.ContainsFunc(e.Addresses, has) && !slices.ContainsFunc(out, func(o End) bool { return o.Full == e.Full }) {
			out = append(out, e)
		}
	}
	if s.Wanted != nil {
		for i := range s.Wanted.Tasks {
			if t := &s.Wanted.Tasks[i]; t.Desired == "running" {
				add(taskEnd(s, t))
			}
		}
	}
	if s.Wanted == nil {
		believedHaving(s, add)
	}
	for i := range s.Nodes {
		if e := s.Nodes[i].Engine; e != nil {
			for j := range e.Containers {
				add(containerEnd(s, &s.Nodes[i], &e.Containers[j]))
			}
		}
	}
	sortEnds(out)
	return out
}

// believedHaving hands on every task that gossip told the engines of.
func believedHaving(s *fact.Snapshot, add func(End)) {
	for i := range s.Nodes {
		if s.Nodes[i].Engine == nil {
			continue
		}
		for _, net := range s.Nodes[i].Engine.Networks {
			for _, svc := range net.Services {
				if net.Ingress || svc.Name == "" {
					continue
				}
				for _, e := range mergeBelieved(s, nil, svc.Name, net.ID, svc.Tasks) {
					add(e)
				}
			}
		}
	}
}
