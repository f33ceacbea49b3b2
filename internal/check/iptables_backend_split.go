package check

import (
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IPTablesBackendSplit finds hosts where rules of the iptables that the engine
// does not use stop the engine's traffic.
var IPTablesBackendSplit = &Check{
	ID:    "iptables-backend-split",
	Title: "rules of iptables-legacy and iptables-nft are at odds on a host",
	Doc: Doc{
		Symptom: "On one node published ports or the way outside are dead although `iptables -S` shows that all is accepted.",
		Cause: "The kernel holds two sets of rules, those of iptables-legacy and those of iptables-nft, and a packet must pass both. The engine writes one; something else, with the other program, wrote rules or a policy that drop. " +
			"Each program shows only its own. It comes of mixed images, a changed `update-alternatives`, or a tool that brings its own iptables.",
		ByHand: "`iptables-legacy -S; iptables-nft -S` (-S shows what is there and makes no table that is not there): the engine's chains are in one, a DROP in the other.",
		Relief: "Accept what the gateway bridge carries in the other set, too.",
		Fix:    "Use one backend: `update-alternatives --set iptables …` for all that run on the host, flush the other set, and restart the engine in a quiet hour.",
	},
	Needs: []fact.Kind{fact.KindInfo, fact.KindRules, fact.KindLinks, fact.KindNetworks},
	Run:   backendSplit,
}

func backendSplit(in *In) []Finding {
	var out []Finding
	arrivals := in.arrivals()
	for _, w := range in.firewalls() {
		by, only := w.stopsIn(arrivals), Entering
		if by == nil || in.Scope.Outside != nil && len(in.Scope.Mesh) == 0 {
			by, only = in.stopsOut(&w), Leaving
		}
		if by == nil {
			continue
		}
		other := iptablesOf(w.Host, by.Backend)
		f := w.finding(in, Proof, fmt.Sprintf("on %s the engine writes its rules with %s, and rules of %s drop what the gateway bridge carries", w.Node.Name, iptablesOf(w.Host, w.Backend), other))
		f.Only = only
		f.Evidence = []Evidence{
			{Where: w.Node.Name + ": rules of the engine", Want: "one backend", Got: string(w.Backend)},
			{Where: fmt.Sprintf("%s: rules of %s", w.Node.Name, by.Backend), Want: "nothing that drops what passes " + expect.GatewayBridge, Got: shown(by)},
		}
		f.Confirm = fmt.Sprintf("on %s: iptables-legacy -S; iptables-nft -S", w.Node.Name)
		f.Relief = fmt.Sprintf("on %[1]s: %[2]s -t %[3]s -I %[4]s -o %[5]s -j ACCEPT\non %[1]s: %[2]s -t %[3]s -I %[4]s -i %[5]s -j ACCEPT", w.Node.Name, other, by.Table, quoted(by.Chain), expect.GatewayBridge)
		out = append(out, f)
	}
	return out
}

// stopsIn is what stops requests to a published port on this host, nil where it
// is nothing of the other backend.
func (w *firewall) stopsIn(arrivals []arrival) *expect.Step {
	for i := range arrivals {
		a := &arrivals[i]
		if a.Node != w.Node || !a.Translated {
			continue
		}
		for _, at := range []*expect.Walked{&a.Forward, &a.Back} {
			if at.Stopped() && w.foreign(at.By) {
				return at.By
			}
		}
	}
	return nil
}

// stopsOut is what stops connections of tasks to places outside.
func (in *In) stopsOut(w *firewall) *expect.Step {
	if len(w.both()) < 2 || !expect.NeedsGateway(w.Node) {
		return nil
	}
	out, why := expect.Depart(in.Snapshot, w.Node)
	if why == "" && out.Fate == expect.FateUnknown {
		in.Blind("%s: whether its rules let tasks out is not known: %s", w.Node.Name, out.Why)
	}
	if why == "" && out.Stopped() && w.foreign(out.By) {
		return out.By
	}
	return nil
}

// foreign: a step of the iptables that this host's engine does not use. Tables
// with other names are not iptables' at all.
func (w *firewall) foreign(s *expect.Step) bool {
	return s.Backend != w.Backend && s.Family == "ip" && w.Chains && xtables(s)
}

// both are the backends that hold tables of iptables in this host.
func (w *firewall) both() map[fact.Backend]bool {
	out := map[fact.Backend]bool{}
	for _, t := range w.Host.Netfilter.Tables {
		if t.Family == "ip" && xtables(&expect.Step{Family: t.Family, Table: t.Name}) {
			out[t.Backend] = true
		}
	}
	return out
}
