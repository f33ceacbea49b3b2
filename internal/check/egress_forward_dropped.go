package check

import (
	"cmp"
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// EgressForwardDropped finds hosts whose FORWARD rules stop what tasks send to the
// place outside that is asked about.
var EgressForwardDropped = &Check{
	ID:    "egress-forward-dropped",
	Title: "a host's FORWARD rules drop what tasks send to a place outside",
	Doc: Doc{
		Symptom: "The node itself reaches a place outside and the tasks on it do not, though they reach each other; perhaps only one port, or one address, is concerned.",
		Cause: "What a task sends outside comes by docker_gwbridge and passes the host's FORWARD, which the node's own connections do not. A rule or policy there drops or rejects it before the engine's accept: " +
			"in DOCKER-USER, by ufw, firewalld or a script that means to limit what containers may reach.",
		ByHand: "`iptables -L FORWARD -v -n --line-numbers` and on through the chains it jumps to: the first rule that matches the task's address on docker_gwbridge, the place's address and port, and whose counter rises while the task asks.",
		Relief: "Let the place's port pass in the chain of the rule.",
		Fix:    "Take the rule away, or limit it to what it was meant for; allow what tasks need in DOCKER-USER, on every node that the service may run on.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindRoutes, fact.KindRules, fact.KindTCP},
	Side:    FromSide,
	Because: []string{"daemon-iptables-disabled", "firewall-flush", "iptables-backend-split", "address-pool-overlap"},
	Claims:  anyFailure,
	Run:     egressDropped,
}

func egressDropped(in *In) []Finding {
	var out []Finding
	for _, p := range in.leaving() {
		n, ns := in.NodeNamed(p.From.Node), in.sourceSpace(&p.From)
		if !failed(p.Outcome) || n == nil || !slices.Contains(in.Sighted, n) {
			continue
		}
		host := n.Kernel.Host()
		if ns == nil || host == nil || host.Netfilter == nil {
			in.Blind("%s: the rules of its host, or the namespace of %s, were not seen", n.Name, in.senderName(&p.From))
			continue
		}
		if !in.Can(n, host.Name, fact.KindRules, fact.KindLinks) || !in.Can(n, ns.Name, fact.KindLinks, fact.KindRoutes) {
			continue
		}
		w, why := expect.DepartFrom(in.Snapshot, n, ns, p.Target, "tcp")
		switch {
		case why != "" && expect.DefaultRoute(ns) != nil:
			in.Blind("%s: whether its rules let %s out to %s is not known: %s", n.Name, in.senderName(&p.From), p.Target, why)
		case why != "":
		case w.Fate == expect.FateUnknown:
			in.Blind("%s: %s decides over what %s sends to %s, and %s", n.Name, w.By, in.senderName(&p.From), p.Target, w.Why)
		case w.Stopped() && w.By != nil:
			out = in.droppedLeaving(out, n, &p, &w)
		}
	}
	slices.SortFunc(out, func(a, b Finding) int { return cmp.Compare(a.Node, b.Node) })
	return out
}

// droppedLeaving adds a connection that a node's rules drop: one finding a node.
func (in *In) droppedLeaving(list []Finding, n *fact.Node, p *fact.TCPProbe, w *expect.Walked) []Finding {
	i := slices.IndexFunc(list, func(f Finding) bool { return f.Node == n.Name })
	host := n.Kernel.Host()
	if i < 0 {
		f := Finding{Certainty: Proof, Node: n.Name, Subject: in.NodeSubject(n.ID), Only: Leaving, Impact: ImpactNone, Probed: true, Nodes: []fact.NodeID{n.ID},
			Message: fmt.Sprintf("%s of %s drops what tasks there send to %s", w.By, n.Name, in.place(p.Target))}
		if h := in.hostsOwn(p); h != nil && h.Outcome == fact.Open {
			f.Message += ", which the node itself reaches"
		}
		f.Confirm = fmt.Sprintf("on %s: %s -t %s -L %s -v -n --line-numbers", n.Name, iptablesOf(host, w.By.Backend), w.By.Table, quoted(w.By.Chain))
		if !xtables(w.By) {
			f.Confirm = fmt.Sprintf("on %s: nft -a list chain %s %s %s", n.Name, w.By.Family, quoted(w.By.Table), quoted(w.By.Chain))
		}
		i, list = len(list), append(list, f)
	}
	f := &list[i]
	if p.From.Task != "" && !slices.Contains(f.Tasks, p.From.Task) {
		f.Tasks = append(f.Tasks, p.From.Task)
	}
	if !slices.Contains(f.Places, p.Target) {
		f.Places = append(f.Places, p.Target)
	}
	from := w.Packet.Src
	e := Evidence{fmt.Sprintf("%s: forward, TCP from %s (%s) to %s", n.Name, from, in.senderName(&p.From), p.Target), "accepted", shown(w.By)}
	if w.Why != "" {
		e.Got += "; or, before it, " + w.Why
	}
	if !slices.ContainsFunc(f.Evidence, func(o Evidence) bool { return o.Got == e.Got }) {
		f.Evidence = append(f.Evidence, e)
		f.Relief = lines(f.Relief, fmt.Sprintf("on %s: %s", n.Name, letOut(host, w.By, p.Target)))
	}
	return list
}
