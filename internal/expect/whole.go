package expect

import (
	"cmp"
	"slices"

	"fairway/internal/fact"
)

// whole resolves a question about the whole Swarm: every service is source and
// target. Where services are named, only those, and the ones that share a
// network with them.
func whole(s *fact.Snapshot) (Scope, error) {
	sc := Scope{Proto: cmp.Or(s.Question.Proto, "tcp")}
	named, err := namedEnds(s)
	if err != nil {
		return sc, err
	}
	if s.Wanted == nil {
		for _, name := range gossipedNames(s) {
			sc.To = append(sc.To, believedEnds(s, name)...)
		}
		sc.From = sc.To
	} else {
		for _, n := range s.Wanted.Nodes {
			sc.Nodes = append(sc.Nodes, n.ID)
		}
		slices.Sort(sc.Nodes)
		for i := range s.Wanted.Services {
			// Of fairway's own agents the gaps tell, with advice that fits them.
			if svc := &s.Wanted.Services[i]; svc.AgentPort == 0 || slices.Contains(s.Question.Services, svc.Name) {
				sc.addService(s, svc, named)
			}
		}
		slices.Sort(sc.FromServices)
		slices.Sort(sc.ToServices)
	}
	sortEnds(sc.From)
	sortEnds(sc.To)
	sc.Networks = slices.DeleteFunc(shared(s, sc.From, sc.To, sc.FromServices, sc.ToServices), func(id fact.NetworkID) bool {
		return named != nil && !slices.Contains(named, id)
	})
	for i := range sc.To {
		sc.Ports = union(sc.Ports, PortsOf(s, &sc, &sc.To[i]))
	}
	slices.Sort(sc.Ports)
	if sc.Mesh = publishing(s, sc.ToServices); len(sc.Mesh) > 0 {
		sc.Asked = entrances(s)
	}
	return sc, nil
}

// addService makes a service both ends. One on no overlay is a target only: it
// can be looked at, and asks nobody by name.
func (sc *Scope) addService(s *fact.Snapshot, svc *fact.Service, named []fact.NetworkID) {
	ends := serviceEnds(s, svc.ID)
	nets := networksOf(s, ends, []fact.ServiceID{svc.ID})
	// The host's own network is no overlay, and the managers do not list it.
	nets = slices.DeleteFunc(nets, func(id fact.NetworkID) bool { return Network(s, id) == nil })
	apart := !slices.ContainsFunc(nets, func(id fact.NetworkID) bool { return slices.Contains(named, id) })
	if named != nil && apart && !slices.Contains(s.Question.Services, svc.Name) {
		return
	}
	sc.To, sc.ToServices = append(sc.To, ends...), append(sc.ToServices, svc.ID)
	if len(nets) > 0 {
		sc.From, sc.FromServices = append(sc.From, ends...), append(sc.FromServices, svc.ID)
	}
}

// namedEnds lists the networks of the services that the question names; nil
// when it names none.
func namedEnds(s *fact.Snapshot) ([]fact.NetworkID, error) {
	if len(s.Question.Services) == 0 {
		return nil, nil
	}
	out := []fact.NetworkID{}
	for _, name := range s.Question.Services {
		var ends []End
		var ids []fact.ServiceID
		if svc := s.Wanted.ServiceNamed(name); svc != nil {
			ends, ids = serviceEnds(s, svc.ID), []fact.ServiceID{svc.ID}
		} else if s.Wanted == nil && (len(s.Nodes) == 0 || slices.Contains(gossipedNames(s), name)) {
			ends = believedEnds(s, name)
		} else {
			return nil, &NameError{What: "service", Name: name, Near: Nearest(name, serviceList(s))}
		}
		out = append(out, networksOf(s, ends, ids)...)
	}
	return out, nil
}

func serviceList(s *fact.Snapshot) []string {
	if s.Wanted == nil {
		return gossipedNames(s)
	}
	var out []string
	for i := range s.Wanted.Services {
		out = append(out, s.Wanted.Services[i].Name)
	}
	return out
}

// gossipedNames are the services that engines were told of by gossip, by name.
func gossipedNames(s *fact.Snapshot) []string {
	var out []string
	for i := range s.Nodes {
		if s.Nodes[i].Engine == nil {
			continue
		}
		for _, net := range s.Nodes[i].Engine.Networks {
			for _, svc := range net.Services {
				if svc.Name != "" && !net.Ingress {
					out = append(out, svc.Name)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// everyone plans the first round of a whole Swarm: every source that was seen
// asks for the names of the services it shares a network with, its own among
// them, and connects to every running task of the others on those networks.
// Where that is more than MaxTCP, or than a host has room for, sources take turns
// in choosing the target that fewest have chosen.
func everyone(s *fact.Snapshot, sc *Scope) Plan {
	w := wholePlanner{planner: planner{s: s, sc: sc, ladder: map[ladderKey]bool{}}, taken: map[taskPair]bool{}, chosen: map[*End]int{}, room: roomOf(s)}
	for i := range sc.From {
		if _, ok := source(s, &sc.From[i]); ok {
			w.sources = append(w.sources, &sc.From[i])
		}
	}
	for i := range sc.To {
		if e := &sc.To[i]; e.Running {
			w.targets = append(w.targets, target{e, max(1, len(PortsOf(s, sc, e)))})
		}
	}
	w.names()
	w.connections()
	w.plan.Peers, w.plan.Hosts = peers(s, sc)
	w.plan.Published, w.plan.Requests = meshPlan(s, sc)
	return w.plan
}

// wholePlanner is a planner that also keeps count.
type wholePlanner struct {
	planner
	sources []*End
	targets []target
	taken   map[taskPair]bool
	// chosen is how often an end was chosen as a target.
	chosen map[*End]int
	room   room
}

// target is an end and how many ports of it are tried.
type target struct {
	*End
	ports int
}

// taskPair is a source and a target on a network.
type taskPair struct {
	from, to string
	net      fact.NetworkID
}

func (w *wholePlanner) names() {
	for i, from := range w.sources {
		var known []string
		for _, to := range w.sc.To {
			own := to.ServiceName == from.ServiceName
			if to.ServiceName != "" && !slices.Contains(known, to.ServiceName) && (own || len(w.common(from, &to)) > 0) {
				known = append(known, to.ServiceName)
			}
		}
		few := min(len(known), max(1, MaxTCP/2/len(w.sources)))
		w.plan.Names.N, w.plan.Names.Of = w.plan.Names.N+few, w.plan.Names.Of+len(known)
		src, _ := source(w.s, from)
		for _, name := range inTurn(known, i*few)[:few] {
			w.plan.DNS = append(w.plan.DNS, aboutService(src, name)...)
		}
	}
}

// common lists the networks on which one end may try another: both have an
// address there, and where services are named, one is of them.
func (w *wholePlanner) common(from, to *End) []fact.NetworkID {
	named := w.s.Question.Services
	if len(named) > 0 && !slices.Contains(named, from.ServiceName) && !slices.Contains(named, to.ServiceName) {
		return nil
	}
	var out []fact.NetworkID
	for _, net := range w.sc.Networks {
		if from.Addr(net).IsValid() && to.Addr(net).IsValid() {
			out = append(out, net)
		}
	}
	return out
}

func (w *wholePlanner) connections() {
	for _, from := range w.sources {
		for _, to := range w.targets {
			if to.ServiceName != from.ServiceName {
				w.plan.Pairs.Of += len(w.common(from, to.End))
			}
		}
	}
	for left, moved := MaxTCP, true; moved; {
		moved = false
		for _, from := range w.sources {
			to, net := w.next(from, left)
			if to == nil {
				continue
			}
			src, _ := source(w.s, from)
			w.pair(src, from, to.End, net)
			w.taken[taskPair{from.Full, to.Full, net}] = true
			w.chosen[to.End]++
			w.room.take(from, to.End)
			left -= to.ports
			w.plan.Pairs.N++
			moved = true
		}
	}
}

// next is the target that fewest have chosen, rather one that has not tried this
// source itself; nil when there is none for so many connections.
func (w *wholePlanner) next(from *End, left int) (best *target, on fact.NetworkID) {
	least := 0
	for i := range w.targets {
		to := &w.targets[i]
		if to.ServiceName == from.ServiceName || to.ports > left {
			continue
		}
		for _, net := range w.common(from, to.End) {
			weight := 2 * w.chosen[to.End]
			if w.taken[taskPair{to.Full, from.Full, net}] {
				weight++
			}
			if w.taken[taskPair{from.Full, to.Full, net}] || best != nil && weight >= least {
				continue
			}
			if !w.room.has(from, to.End) {
				w.plan.Crowded = true
				continue
			}
			best, on, least = to, net, weight
		}
	}
	return best, on
}
