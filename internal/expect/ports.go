package expect

import (
	"slices"

	"fairway/internal/fact"
)

// PortsOf lists what to connect to at one target: the port given; else what its
// service publishes, and what it listens on beyond loopback. Of a target that
// was not seen nobody knows what it listens on; it is asked for what every
// seen task of its service listens on, because a listener that only one of them
// has is that one's own.
func PortsOf(s *fact.Snapshot, sc *Scope, to *End) []uint16 {
	if s.Question.Port != 0 {
		return []uint16{s.Question.Port}
	}
	out := published(s, sc, to)
	if Sandbox(s, to) != nil {
		return union(out, listening(s, sc, to))
	}
	return union(out, listenedByAll(s, sc, to))
}

// published are the target ports of the end's service; of every target's
// service where the end is nobody in particular.
func published(s *fact.Snapshot, sc *Scope, to *End) []uint16 {
	var out []uint16
	for _, id := range sc.ToServices {
		svc := s.Wanted.Service(id)
		if svc == nil || to.Service != "" && to.Service != id {
			continue
		}
		for _, p := range svc.Ports {
			if p.Proto == sc.Proto && p.Target != 0 {
				out = union(out, []uint16{p.Target})
			}
		}
	}
	return out
}

func listening(s *fact.Snapshot, sc *Scope, to *End) []uint16 {
	var out []uint16
	for _, sock := range Listeners(s, to, sc.Proto) {
		if !sock.Local.Addr().IsLoopback() {
			out = union(out, []uint16{sock.Local.Port()})
		}
	}
	return out
}

func listenedByAll(s *fact.Snapshot, sc *Scope, to *End) []uint16 {
	var out []uint16
	first := true
	for i := range sc.To {
		e := &sc.To[i]
		if e.ServiceName != to.ServiceName && to.ServiceName != "" || Sandbox(s, e) == nil {
			continue
		}
		mine := listening(s, sc, e)
		if first {
			out, first = mine, false
			continue
		}
		out = slices.DeleteFunc(out, func(p uint16) bool { return !slices.Contains(mine, p) })
	}
	return out
}

func union[T comparable](a, b []T) []T {
	for _, p := range b {
		if !slices.Contains(a, p) {
			a = append(a, p)
		}
	}
	return a
}
