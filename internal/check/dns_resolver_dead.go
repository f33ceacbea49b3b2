package check

import (
	"cmp"
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// DNSResolverDead finds containers whose embedded resolver does not answer.
var DNSResolverDead = &Check{
	ID:    "dns-resolver-dead",
	Title: "a container's resolver 127.0.0.11 does not answer",
	Doc: Doc{
		Symptom: "In one container no name resolves at all, neither inside nor outside; addresses work.",
		Cause: "The engine serves 127.0.0.11 inside every container on a network of its own: a socket there on some port, and NAT rules from port 53 to it. " +
			"The rules lead to another port, or were flushed; or the socket is gone after a restart of the engine; or both are there and the engine hangs.",
		ByHand: "In the container's namespace: `ss -lun src 127.0.0.11` shows the socket and its port, `iptables -t nat -S DOCKER_OUTPUT` where port 53 leads. The two ports must be equal. " +
			"`dig @127.0.0.11 -p PORT NAME` asks behind the rules; a receive queue that grows is an engine that does not read.",
		Relief: "Rules astray: lead port 53 to the socket's port again. Socket gone: start the container anew. Engine hung: restart the engine.",
		Fix:    "Find what flushes NAT rules inside containers (a firewall script, a privileged tool) and keep it from them; start the container anew.",
	},
	Needs:   []fact.Kind{fact.KindDNS, fact.KindSockets, fact.KindContainers},
	Side:    FromSide,
	Because: []string{"dockerd-hung", "dns-resolver-nat-missing", "host-starvation"},
	Claims:  anyFailure,
	Outside: true,
	Names:   true,
	Run:     resolverDead,
}

func resolverDead(in *In) []Finding {
	var out []Finding
	for _, a := range in.askers() {
		ns, box := a.Node.Kernel.Sandbox(a.End.Container), in.containerOf(a.End)
		if ns == nil || box == nil {
			in.Blind("the namespace of %s was not found", a.what())
			continue
		}
		if !userNetwork(box) || !in.Can(a.Node, ns.Name, fact.KindDNS, fact.KindSockets) {
			continue
		}
		front, back := in.resolverOutcomes(&a)
		switch front {
		case fact.Open:
		case fact.Refused, fact.Timeout, fact.Unreachable:
			if f, ok := in.deadResolver(&a, ns, front, back); ok {
				out = append(out, f)
			}
		default:
			in.Blind("%s: its resolver could not be asked", a.what())
		}
	}
	return out
}

// resolverOutcomes says how questions to 127.0.0.11:53 ended, and those to the
// port behind it. One answer is enough to call it alive.
func (in *In) resolverOutcomes(a *asker) (front, back fact.Outcome) {
	rank := []fact.Outcome{fact.Open, fact.Refused, fact.Timeout, fact.Unreachable, fact.ProbeError, ""}
	best := func(o *fact.Outcome, got fact.Outcome) {
		if slices.Index(rank, got) < slices.Index(rank, *o) {
			*o = got
		}
	}
	for _, p := range in.questions(a, "") {
		switch {
		case p.Server.Addr() != expect.ResolverAddr:
		case p.Server.Port() == 53:
			best(&front, p.Outcome)
		default:
			best(&back, p.Outcome)
		}
	}
	return front, back
}

// deadResolver tells the three ways apart. Silence alone is none of them: for a
// name it does not know, an engine whose upstreams are silent is silent, too
// (seen on 20.10). One that hangs leaves the questions unread.
func (in *In) deadResolver(a *asker, ns *fact.NetNS, front, back fact.Outcome) (Finding, bool) {
	who := EndSubject(a.End)
	f := Finding{Certainty: Proof, Node: a.Node.Name, Subject: who, Probed: true, Impact: ImpactTask,
		Evidence: []Evidence{{Where: "questions of " + a.what() + " to 127.0.0.11:53", Want: "an answer", Got: string(front)}},
		Confirm:  a.ask(ns.Name, "@127.0.0.11", cmp.Or(in.Question.To, a.End.ServiceName))}
	i := slices.IndexFunc(ns.Sockets, func(s fact.Socket) bool { return s.Proto == "udp" && s.Local.Addr() == expect.ResolverAddr })
	if i < 0 {
		f.Message = fmt.Sprintf("the resolver of %s is gone: nothing listens on 127.0.0.11 in it", a.what())
		f.Evidence = append(f.Evidence, Evidence{Where: a.Node.Name + ": UDP sockets of " + a.End.Name, Want: "one on 127.0.0.11", Got: "none"})
		f.Relief = a.renew()
		return f, true
	}
	sock := ns.Sockets[i]
	e := Evidence{Where: fmt.Sprintf("the same questions to its socket, %s", sock.Local), Want: "an answer", Got: cmp.Or(string(back), "not asked")}
	if front != fact.Timeout || back == fact.Open {
		f.Message = fmt.Sprintf("the NAT rules in %s do not lead from 127.0.0.11:53 to its resolver, which is on port %d", a.what(), sock.Local.Port())
		e = Evidence{Where: a.Node.Name + ": NAT rules of " + a.End.Name, Want: "127.0.0.11:53 → " + sock.Local.String(), Got: "elsewhere, or no rules"}
		if back == fact.Open {
			e.Got += ": asked directly, the socket answers"
		}
		f.Relief, f.Impact = a.redirect(ns), ImpactNone
	} else {
		if f.Probed = sock.Queue > 0; !f.Probed && in.Earlier != nil {
			in.Blind("%s gets no answer, but its questions are read: upstream servers may be silent", a.what())
			return f, false
		}
		f.Message = fmt.Sprintf("the engine does not serve the resolver of %s: its socket %s is there and nobody answers", a.what(), sock.Local)
		e.Got += fmt.Sprintf(", %d bytes waiting unread", sock.Queue)
		f.Relief, f.Impact = fmt.Sprintf("on %s: systemctl restart docker", a.Node.Name), ImpactNode(a.Node.Name)
	}
	f.Evidence = append(f.Evidence, e)
	return f, true
}
