package check

import (
	"fmt"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// firewall is one node's packet rules, as far as the engine writes them itself.
type firewall struct {
	expect.OwnRules
	Node *fact.Node
	Host *fact.NetNS
}

// firewalls are the hosts in question whose rules were read. Rootless engines
// write none into the host.
func (in *In) firewalls() []firewall {
	var out []firewall
	for _, n := range in.Sighted {
		host := n.Kernel.Host()
		if host == nil || host.Netfilter == nil || n.Engine == nil {
			in.Blind("%s: its engine, or the rules of its host, were not seen", n.Name)
			continue
		}
		if n.Engine.Rootless || !in.Can(n, host.Name, fact.KindRules, fact.KindLinks) {
			continue
		}
		out = append(out, firewall{expect.HostOwnRules(n), n, host})
	}
	return out
}

// lost reports whether so much is missing that no single rule was taken away.
func (w *firewall) lost() bool { return len(w.Missing) >= 2 }

func (w *firewall) finding(in *In, c Certainty, message string) Finding {
	f := Finding{Certainty: c, Node: w.Node.Name, Subject: in.NodeSubject(w.Node.ID), Message: message, Only: Leaving,
		Nodes: []fact.NodeID{w.Node.ID}, Impact: ImpactNone}
	for i := range in.Scope.Mesh {
		f.Probed = f.Probed || in.portFails(w.Node.ID, &in.Scope.Mesh[i], fact.StageNode)
	}
	if in.Scope.Outside == nil && (f.Probed || w.shut(in)) {
		f.Only = Entering
	}
	return f
}

// shut: the host's rules do not lead requests to published ports to the routing
// mesh. Where they still do, only what leaves is harmed.
func (w *firewall) shut(in *In) bool {
	for _, a := range in.arrivals() {
		if missing, _ := a.lost(); a.Node == w.Node && (len(missing) > 0 || a.Forward.Stopped() || a.Back.Stopped()) {
			return true
		}
	}
	return false
}

// missing names what is not there.
func (w *firewall) missing() string {
	var out []string
	for _, m := range w.Missing {
		out = append(out, m.What)
	}
	return strings.Join(out, ", ")
}

// restore are the commands that put back what is missing, those of the routing
// mesh in question among them.
func (w *firewall) restore(in *In) string {
	tool := iptablesOf(w.Host, w.Backend)
	var out []string
	for _, m := range w.Missing {
		for _, c := range m.Commands {
			if c != "" {
				out = append(out, fmt.Sprintf("on %s: %s %s", w.Node.Name, tool, c))
			}
		}
	}
	for _, a := range in.arrivals() {
		if a.Node != w.Node {
			continue
		}
		if _, relief := a.lost(); len(relief) > 0 {
			out = append(out, fmt.Sprintf("on %s: %s", w.Node.Name, strings.Join(relief, "\non "+w.Node.Name+": ")))
			break
		}
	}
	return strings.Join(out, "\n")
}
