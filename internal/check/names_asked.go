package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// asker is a running container of the asking side, on a node that was seen.
type asker struct {
	End  *expect.End
	Node *fact.Node
}

// askers lists the containers that names were asked from, in the order of the
// ends. With none, nobody can tell what names lead to, and that is recorded.
func (in *In) askers() []asker {
	var out []asker
	for i := range in.Scope.From {
		e := &in.Scope.From[i]
		if n := in.Node(e.Node); n != nil && slices.Contains(in.Sighted, n) && e.Running && e.Container != "" {
			out = append(out, asker{e, n})
		}
	}
	// A published port alone is asked about by number; no name is looked up.
	if len(out) == 0 && (in.Question.To != "" || in.Question.All) {
		in.Blind("no container of the asking side runs where it could be looked at")
	}
	return out
}

// what names the asker in a sentence.
func (a *asker) what() string { return fmt.Sprintf("%s on %s", a.End.Name, a.Node.Name) }

// questions are the probes of an asker for addresses; any name when it is empty.
func (in *In) questions(a *asker, name string) []fact.DNSProbe {
	var out []fact.DNSProbe
	for _, p := range in.Seen.DNS {
		if p.From.Node == a.Node.Name && p.From.Container == a.End.Container && p.Type == "A" && (name == "" || p.Name == name) {
			out = append(out, p)
		}
	}
	return out
}

// answer is what an asker's resolver says a name leads to, whichever way it was
// asked; false, and recorded, where no answer came.
func (in *In) answer(a *asker, name string) ([]netip.Addr, bool) {
	var out []netip.Addr
	ok := false
	asked := in.questions(a, name)
	if in.Question.All && len(asked) == 0 {
		return nil, false // not everybody asks about everybody
	}
	for _, p := range asked {
		if p.Outcome == fact.Open {
			ok, out = true, append(out, p.Addrs...)
		}
	}
	if !ok {
		in.Blind("%s got no answer about %s", a.what(), name)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out), ok
}

// userNetwork reports whether a container is on a network with the engine's own
// resolver: any but the default bridge and the host's.
func userNetwork(c *fact.Container) bool {
	return c.NetworkMode != "host" && slices.ContainsFunc(c.Endpoints, func(e fact.ContainerEndpoint) bool {
		return e.NetworkName != "bridge" && e.NetworkName != "host" && e.NetworkName != "none"
	})
}

// renew is the command that ends a container so that another one, or a new life
// of it, takes its place. Swarm replaces a task; a container starts again.
func (a *asker) renew() string {
	id := a.End.Container[:min(12, len(a.End.Container))]
	if a.End.Task == "" {
		return fmt.Sprintf("on %s: docker restart %s", a.Node.Name, id)
	}
	return fmt.Sprintf("on %s: docker rm -f %s", a.Node.Name, id)
}

// redirect are the commands that lead a container's questions to its resolver's
// sockets again, one for UDP and one for TCP, which has a port of its own.
func (a *asker) redirect(ns *fact.NetNS) string {
	var out []string
	for _, proto := range []string{"udp", "tcp"} {
		i := slices.IndexFunc(ns.Sockets, func(s fact.Socket) bool {
			return s.Proto == proto && s.Local.Addr() == expect.ResolverAddr
		})
		if i >= 0 {
			out = append(out, fmt.Sprintf("on %s: %siptables -t nat -I OUTPUT -p %s -d 127.0.0.11 --dport 53 -j DNAT --to-destination %s",
				a.Node.Name, Enter(ns.Name), proto, ns.Sockets[i].Local))
		}
	}
	return strings.Join(out, "\n")
}

// netns is the name of the asker's namespace, as its questions say.
func (in *In) netns(a *asker) string {
	for _, p := range in.questions(a, "") {
		return p.From.NetNS
	}
	return ""
}

// ask is the command that asks a question from inside the asker.
func (a *asker) ask(ns, server, name string) string {
	return fmt.Sprintf("on %s: %sdig +time=1 +tries=1 +short %s %s", a.Node.Name, Enter(ns), server, quoted(name))
}

// addrList writes addresses the way a sentence wants them.
func addrList(addrs []netip.Addr) string {
	if len(addrs) == 0 {
		return "none"
	}
	var out []string
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

// quoted is a word as a shell takes it: names come from other people.
func quoted(s string) string { return fact.Quoted(s) }
