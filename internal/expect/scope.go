package expect

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// End is one end of a question: a task, or a standalone container.
type End struct {
	// Name is service.slot (service.node for a global service), or the
	// container's name. Full adds the task ID.
	Name, Full string
	Service    fact.ServiceID
	// ServiceName is empty for a standalone container.
	ServiceName string
	Task        fact.TaskID
	// Container is empty while a task has none, or when nobody knows it.
	Container fact.ContainerID
	Node      fact.NodeID
	NodeName  string
	Addresses []fact.TaskAddress
	// Running: it should run and does.
	Running bool
}

// Addr is the end's address on a network, or the zero Addr.
func (e *End) Addr(n fact.NetworkID) netip.Addr {
	for _, a := range e.Addresses {
		if a.Network == n {
			return a.Addr.Addr()
		}
	}
	return netip.Addr{}
}

// Scope is a question with its names resolved: who should reach whom, over
// which networks.
type Scope struct {
	// From and To are sorted by name. They hold every task that is wanted
	// running, whatever its state.
	From, To []End
	// FromServices and ToServices are empty where an end is a container.
	FromServices, ToServices []fact.ServiceID
	// Networks are the overlays that From and To share, ingress never among
	// them; sorted by name.
	Networks []fact.NetworkID
	// Nodes are those that the question is about whether they hold an end or not:
	// all, where it is about the whole Swarm.
	Nodes []fact.NodeID
	// Ports are the target ports; empty when none was given and none is known.
	Ports []uint16
	// PortGiven: the operator named the port.
	PortGiven bool
	Proto     string
	// Mesh are the published ports in question: part I of the runbook. Nodes are
	// then all that listen on them and are to be looked at.
	Mesh []Published
	// Outside is the place outside the Swarm that is asked about instead of To; nil: none.
	Outside *Place
	// Asked are the nodes whose published ports are asked: Nodes, and those that
	// the question can do without and nobody looked at.
	Asked []fact.NodeID
}

// NameError says that a name of the question is not known, or not clear.
type NameError struct {
	// What is "service, task or container" or the like.
	What, Name string
	// Near are known names that look alike, at most three.
	Near []string
	// Why replaces "is not known" when set.
	Why string
	// Outside: it may well be a place outside the Swarm.
	Outside bool
}

// Error names what is near.
func (e *NameError) Error() string {
	why := e.Why
	if why == "" {
		why = "is not known here"
	}
	s := fmt.Sprintf("%s %q %s", e.What, e.Name, why)
	if len(e.Near) > 0 {
		s += "; did you mean " + strings.Join(e.Near, ", ") + "?"
	}
	return s
}

// Resolve finds the ends of the snapshot's question. Its errors are NameErrors.
func Resolve(s *fact.Snapshot) (Scope, error) {
	q := s.Question
	if q.All {
		return whole(s)
	}
	sc := Scope{Proto: cmp.Or(q.Proto, "tcp"), PortGiven: q.Port != 0}
	if q.To == "" {
		return sc, resolvePublished(s, &sc)
	}
	var err error
	if sc.To, sc.ToServices, err = resolve(s, q.To); err != nil {
		if sc.Outside, err = outside(&q, err); err != nil {
			return sc, err
		}
	}
	if q.From == "" {
		sc.FromServices = sharing(s, sc.To, sc.ToServices)
		for _, id := range sc.FromServices {
			sc.From = append(sc.From, serviceEnds(s, id)...)
		}
	} else if sc.From, sc.FromServices, err = resolve(s, q.From); err != nil {
		return sc, err
	}
	if err := astray(s, &sc); err != nil {
		return sc, err
	}
	if q.Node != "" {
		if sc.From, err = onNode(s, sc.From, q.Node); err != nil {
			return sc, err
		}
	}
	sc.Networks = shared(s, sc.From, sc.To, sc.FromServices, sc.ToServices)
	for i := range sc.To {
		sc.Ports = union(sc.Ports, PortsOf(s, &sc, &sc.To[i]))
	}
	if len(sc.To) == 0 {
		sc.Ports = PortsOf(s, &sc, &End{})
	}
	slices.Sort(sc.Ports)
	return sc, resolvePublished(s, &sc)
}

func onNode(s *fact.Snapshot, ends []End, host string) ([]End, error) {
	known := []string{}
	for _, n := range swarmNodes(s) {
		known = append(known, n)
	}
	if !slices.Contains(known, host) {
		return nil, &NameError{What: "node", Name: host, Near: Nearest(host, known)}
	}
	var out []End
	for _, e := range ends {
		if e.NodeName == host {
			out = append(out, e)
		}
	}
	return out, nil
}

func swarmNodes(s *fact.Snapshot) []string {
	var out []string
	if s.Wanted != nil {
		for _, n := range s.Wanted.Nodes {
			out = append(out, n.Hostname)
		}
	}
	for _, n := range s.Nodes {
		out = append(out, n.Name)
	}
	return out
}

// sharing lists the services that share a network with the targets, the
// targets' own service among them only when it is alone.
func sharing(s *fact.Snapshot, to []End, toServices []fact.ServiceID) []fact.ServiceID {
	if s.Wanted == nil {
		return nil
	}
	want := networksOf(s, to, toServices)
	var out []fact.ServiceID
	for _, svc := range s.Wanted.Services {
		if slices.Contains(toServices, svc.ID) {
			continue
		}
		for _, n := range networksOf(s, serviceEnds(s, svc.ID), []fact.ServiceID{svc.ID}) {
			if slices.Contains(want, n) {
				out = append(out, svc.ID)
				break
			}
		}
	}
	if len(out) == 0 {
		return toServices
	}
	return out
}

// networksOf lists the networks an end is attached to by definition or by an
// address it has, ingress and gateway bridges left out.
func networksOf(s *fact.Snapshot, ends []End, services []fact.ServiceID) []fact.NetworkID {
	var out []fact.NetworkID
	add := func(id fact.NetworkID) {
		n := Network(s, id)
		if n != nil && (n.Ingress || n.Driver != "overlay") || slices.Contains(out, id) {
			return
		}
		out = append(out, id)
	}
	for _, e := range ends {
		for _, a := range e.Addresses {
			add(a.Network)
		}
	}
	for _, id := range services {
		if svc := s.Wanted.Service(id); svc != nil {
			for _, a := range svc.Attached {
				add(a.Network)
			}
		}
	}
	return out
}

func shared(s *fact.Snapshot, from, to []End, fs, ts []fact.ServiceID) []fact.NetworkID {
	a, b := networksOf(s, from, fs), networksOf(s, to, ts)
	var out []fact.NetworkID
	for _, id := range a {
		if slices.Contains(b, id) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b fact.NetworkID) int {
		return strings.Compare(NetworkName(s, a), NetworkName(s, b))
	})
	return out
}

// Listeners are the sockets an end listens on, the embedded resolver's left
// out; nil where its node's kernel was not seen.
func Listeners(s *fact.Snapshot, e *End, proto string) []fact.Socket {
	ns := Sandbox(s, e)
	if ns == nil {
		return nil
	}
	var out []fact.Socket
	for _, sock := range ns.Sockets {
		if sock.Proto == proto && sock.Local.Addr() != ResolverAddr {
			out = append(out, sock)
		}
	}
	return out
}

// ResolverAddr is where the embedded DNS server listens inside every container
// on a user-defined network (all versions).
var ResolverAddr = netip.AddrFrom4([4]byte{127, 0, 0, 11})

// Sandbox is the namespace of an end, nil where its node's kernel was not seen.
func Sandbox(s *fact.Snapshot, e *End) *fact.NetNS {
	n := s.Node(e.Node)
	if n == nil || e.Container == "" {
		return nil
	}
	return n.Kernel.Sandbox(e.Container)
}
