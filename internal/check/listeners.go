package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// backend is a running target of the question whose sockets were read.
type backend struct {
	*expect.End
	Node *fact.Node
	NS   *fact.NetNS
	// Sockets are what its program listens on, all protocols, the embedded
	// resolver's left out.
	Sockets []fact.Socket
}

// backends lists the running targets, in the question's order. Where the
// namespace of one was not seen, that is recorded.
func (in *In) backends() []backend {
	var out []backend
	for i := range in.Scope.To {
		e := &in.Scope.To[i]
		node := in.Node(e.Node)
		if !e.Running || node == nil || !slices.Contains(in.Sighted, node) {
			continue // what is not sighted is recorded already
		}
		ns := expect.Sandbox(in.Snapshot, e)
		switch {
		case ns == nil:
			in.Blind("%s: the namespace of %s was not found", node.Name, e.Name)
		case ns.Role != fact.RoleHost && in.Can(node, ns.Name, fact.KindSockets):
			b := backend{End: e, Node: node, NS: ns}
			for _, proto := range []string{"tcp", "udp"} {
				b.Sockets = append(b.Sockets, expect.Listeners(in.Snapshot, e, proto)...)
			}
			out = append(out, b)
		}
	}
	return out
}

// portsOf are the ports a target must listen on: the one asked for, else those
// its service publishes. That one task listens on a port binds no other task.
func (in *In) portsOf(b *backend) []uint16 {
	if in.Scope.PortGiven {
		return in.Scope.Ports
	}
	if in.Wanted == nil {
		in.Blind("which ports %s publishes is not known; ask for one", b.ServiceName)
	}
	var out []uint16
	if svc := in.Wanted.Service(b.Service); svc != nil {
		for _, p := range svc.Ports {
			if p.Proto == in.Scope.Proto && p.Target != 0 && !slices.Contains(out, p.Target) {
				out = append(out, p.Target)
			}
		}
	}
	slices.Sort(out)
	return out
}

// on lists the sockets of a protocol on a port, by address.
func (b *backend) on(proto string, port uint16) []fact.Socket {
	var out []fact.Socket
	for _, s := range b.Sockets {
		if s.Proto == proto && s.Local.Port() == port {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(x, y fact.Socket) int { return x.Local.Compare(y.Local) })
	return out
}

// serves: a socket takes what is sent to an address. A v6-only one takes no
// IPv4.
func serves(s *fact.Socket, a netip.Addr) bool {
	l := s.Local.Addr().Unmap()
	return l == a || l.IsUnspecified() && (l.Is4() == a.Is4() || l.Is6() && !s.V6Only)
}

// tried lists the connections to a target's address and port.
func (in *In) tried(b *backend, net fact.NetworkID, port uint16) []fact.TCPProbe {
	var out []fact.TCPProbe
	to := netip.AddrPortFrom(b.Addr(net), port)
	for _, p := range in.Seen.TCP {
		if in.Scope.Proto == "tcp" && p.Network == net && p.Target == to && p.Outcome != fact.ProbeError {
			out = append(out, p)
		}
	}
	return out
}

func opened(p fact.TCPProbe) bool { return p.Outcome == fact.Open }

// refused: by the target's kernel; a firewall that rejects says so with ICMP.
func refused(p fact.TCPProbe) bool { return p.Outcome == fact.Refused && p.ICMP == nil }

// listening says what a target listens on, in one line.
func (b *backend) listening() string {
	var out []string
	for _, s := range b.Sockets {
		if l := fmt.Sprintf("%s %s", s.Proto, s.Local); !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	if slices.Sort(out); len(out) == 0 {
		return "nothing at all"
	}
	return listed(out)
}

// finding starts a finding about this target.
func (b *backend) finding(in *In, probes []fact.TCPProbe) Finding {
	return Finding{Certainty: Proof, Node: b.Node.Name, Subject: EndSubject(b.End), Probed: slices.ContainsFunc(probes, refused),
		Confirm: fmt.Sprintf("on %s: %sss -H -%sln", b.Node.Name, Enter(b.NS.Name), in.Scope.Proto[:1])}
}

// relay is the command that answers in a program's stead on an address it does
// not listen on, and passes everything on to where it does.
func (b *backend) relay(proto string, at netip.Addr, to netip.AddrPort) string {
	p := strings.ToUpper(proto)
	return fmt.Sprintf("on %s: %ssocat %s-LISTEN:%d,bind=%s,fork,reuseaddr %s:%s   # for as long as it runs", b.Node.Name, Enter(b.NS.Name), p, to.Port(), at, p, to)
}

// bound starts a finding about a port that is listened on, but nowhere where
// the question's connections arrive: not at this network's address, which no
// connection reached.
func (in *In) bound(b *backend, net fact.NetworkID, port uint16) (f Finding, socks []fact.Socket, ok bool) {
	at, tried := b.Addr(net), in.tried(b, net, port)
	socks = b.on(in.Scope.Proto, port)
	if !at.IsValid() || len(socks) == 0 || slices.ContainsFunc(tried, opened) ||
		slices.ContainsFunc(socks, func(s fact.Socket) bool { return serves(&s, at) || s.Local.Addr().IsUnspecified() }) {
		return f, nil, false
	}
	f = b.finding(in, tried)
	var got []string
	for _, s := range socks {
		got = append(got, s.Local.String())
	}
	f.Evidence = []Evidence{{Where: b.Node.Name + ": sockets of " + b.Name, Want: fmt.Sprintf("%s %s, or any address", in.Scope.Proto, netip.AddrPortFrom(at, port)), Got: listed(got)}}
	f.Relief = b.relay(in.Scope.Proto, at, socks[0].Local)
	return f, socks, true
}

// perService makes one finding of those about all running targets of a service
// on one network, if there are several: the definition is wrong then, not a
// task.
func (in *In) perService(list []Finding) []Finding {
	var out []Finding
	for _, svc := range in.Scope.ToServices {
		alike := func(f Finding) bool {
			t := in.Wanted.Task(fact.TaskID(f.Subject.ID))
			return t != nil && t.ServiceID == svc
		}
		running := 0
		for _, e := range in.Scope.To {
			if e.Running && e.Service == svc {
				running++
			}
		}
		for _, net := range append([]fact.NetworkID{""}, in.Scope.Networks...) {
			var same []Finding
			for _, f := range list {
				if f.Network == net && alike(f) {
					same = append(same, f)
				}
			}
			if s := in.Wanted.Service(svc); s != nil && running > 1 && len(same) == running {
				list = slices.DeleteFunc(list, func(f Finding) bool { return f.Network == net && alike(f) })
				out = append(out, asOne(s, same))
			}
		}
	}
	return append(out, list...)
}

// asOne says of a service what was said of each of its tasks.
func asOne(svc *fact.Service, same []Finding) Finding {
	f := same[0]
	f.Node, f.Subject, f.Evidence, f.Tasks = "", ServiceSubject(svc), nil, nil
	f.Message = fmt.Sprintf("all %d tasks of %s: %s", len(same), svc.Name, f.Message)
	var relief []string
	for _, g := range same {
		f.Evidence = append(f.Evidence, g.Evidence...)
		f.Tasks = append(f.Tasks, fact.TaskID(g.Subject.ID))
		f.Probed = f.Probed || g.Probed
		for _, line := range strings.Split(g.Relief, "\n") {
			if !slices.Contains(relief, line) {
				relief = append(relief, line)
			}
		}
	}
	f.Relief = strings.Join(relief, "\n")
	return f
}
