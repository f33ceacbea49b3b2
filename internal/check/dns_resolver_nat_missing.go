package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// DNSResolverNATMissing finds containers whose own rules do not lead questions
// to the embedded resolver.
var DNSResolverNATMissing = &Check{
	ID:    "dns-resolver-nat-missing",
	Title: "the rules inside a container do not lead to its resolver",
	Doc: Doc{
		Symptom: "In one container no name resolves at all (refused, or silence), neither inside nor outside; addresses work.",
		Cause: "127.0.0.11 listens on some port inside the container, and NAT rules there (DOCKER_OUTPUT) lead from port 53 to it. They were flushed, by a firewall script in the image or a privileged tool, " +
			"or still lead to the port of a resolver that is gone.",
		ByHand: "In the container's namespace: `iptables -t nat -S` shows DOCKER_OUTPUT with one DNAT for UDP and one for TCP, and the jump to it from OUTPUT; `ss -lntu src 127.0.0.11` the ports they must lead to.",
		Relief: "Lead port 53 to the resolver's sockets again, in the container's namespace.",
		Fix:    "Start the container anew, and keep whatever flushes NAT rules inside it from those of the engine.",
	},
	Needs:   []fact.Kind{fact.KindRules, fact.KindSockets, fact.KindContainers},
	Side:    FromSide,
	Because: []string{"dockerd-hung"},
	Claims:  anyFailure,
	Outside: true,
	Names:   true,
	Run:     resolverNAT,
}

func resolverNAT(in *In) []Finding {
	var out []Finding
	for _, a := range in.askers() {
		ns, box := a.Node.Kernel.Sandbox(a.End.Container), in.containerOf(a.End)
		if ns == nil || box == nil || ns.Netfilter == nil {
			in.Blind("%s: the rules inside it were not found", a.what())
			continue
		}
		if !userNetwork(box) || !in.Can(a.Node, ns.Name, fact.KindRules, fact.KindSockets) {
			continue
		}
		front, _ := in.resolverOutcomes(&a)
		if front == fact.Open {
			continue // whatever the rules say, it answers
		}
		if e := in.astray(&a, ns); len(e) > 0 {
			f := Finding{Certainty: Proof, Node: a.Node.Name, Subject: EndSubject(a.End), Probed: failed(front), Impact: ImpactNone, Evidence: e}
			f.Message = fmt.Sprintf("the rules inside %s do not lead from 127.0.0.11:53 to its resolver: no name resolves there", a.what())
			f.Confirm = fmt.Sprintf("on %s: %siptables -t nat -S; %sss -lntu src 127.0.0.11", a.Node.Name, Enter(ns.Name), Enter(ns.Name))
			f.Relief = a.redirect(ns)
			out = append(out, f)
		}
	}
	return out
}

// astray follows a question by UDP and one by TCP; each that does not come to
// the resolver's socket is a row of evidence.
func (in *In) astray(a *asker, ns *fact.NetNS) []Evidence {
	var out []Evidence
	for _, sock := range ns.Sockets {
		if sock.Local.Addr() != expect.ResolverAddr {
			continue
		}
		w := expect.AskResolver(ns, sock.Proto)
		got := "no rule translates it"
		switch n := len(w.Did); {
		case w.Fate == expect.FateUnknown:
			in.Blind("%s: where its rules lead questions is not known: %s", a.what(), w.Why)
			continue
		case w.Stopped():
			got = shown(w.By)
		case w.Packet.Dst == sock.Local.Addr() && w.Packet.DstPort == sock.Local.Port():
			continue
		case n > 0:
			got = shown(&w.Did[n-1])
		}
		out = append(out, Evidence{Where: fmt.Sprintf("%s: rules inside %s, %s port 53 of 127.0.0.11", a.Node.Name, a.End.Name, sock.Proto), Want: "→ " + sock.Local.String(), Got: got})
	}
	slices.SortFunc(out, func(x, y Evidence) int { return strings.Compare(x.Where, y.Where) })
	return out
}
