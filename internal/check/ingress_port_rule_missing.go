package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IngressPortRuleMissing finds hosts whose rules know the routing mesh and not
// one of its ports, or a port that nobody publishes any more.
var IngressPortRuleMissing = &Check{
	ID:    "ingress-port-rule-missing",
	Title: "a host's rules lack one published port, or keep one that is gone",
	Doc: Doc{
		Symptom: "One published port does not answer on one node; other ports there, and the same port on other nodes, do.",
		Cause:   "The engine writes a rule for each port when it is told of the service. An event was lost, or writing failed (lock of xtables, port taken), and nothing writes it again.",
		ByHand:  "`iptables -t nat -S DOCKER-INGRESS`: one DNAT rule for each published port, on every node.",
		Relief:  "Put the rule back by hand, exactly as the engine writes it.",
		Fix:     "Update the service by force, which publishes its ports anew; look in the engine's log for \"Failed to add ingress\".",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindRules, fact.KindLinks},
	Because: []string{"daemon-iptables-disabled", "firewall-flush", "ingress-chain-missing", "ingress-sbox-missing", "ingress-port-conflict-host", "ingress-network-unusable"},
	Run:     ingressPortRule,
}

func ingressPortRule(in *In) []Finding {
	var out []Finding
	for _, a := range in.arrivals() {
		if missing, _ := a.lost(); len(missing) > 0 || a.led() {
			continue // ingress-chain-missing has it, or nothing is missing
		}
		dnat, pass := expect.IngressDNAT(a.Node, a.Port) != nil, a.passes()
		switch {
		case a.Rules.Foreign && !a.Translated:
			in.Blind("%s: port %d is not led to the tasks, and the engine's own tables in nf_tables are not known well enough to say why", a.Node.Name, a.Port.Port.Published)
			continue
		case a.Rules.Foreign || dnat && pass:
			continue
		}
		out = append(out, a.lostPort(in, dnat, pass))
	}
	return out
}

func (a *arrival) lostPort(in *In, dnat, pass bool) Finding {
	p, t, c := a.Port.Port, a.tool(), a.Rules.Chain
	f := a.finding(in, fmt.Sprintf("%s has no rule for port %d/%s of %s: what is asked there is not led to the tasks", a.Node.Name, p.Published, p.Proto, a.Port.Name))
	f.Impact = ImpactNone
	if !dnat {
		f.Evidence = append(f.Evidence, Evidence{Where: a.Node.Name + ": " + c + " in nat", Want: a.dnat(), Got: "no rule for this port"})
		f.Relief = fmt.Sprintf("on %s: %s -t nat -I %s %s", a.Node.Name, t, c, a.dnat())
	}
	if !pass {
		f.Evidence = append(f.Evidence, Evidence{Where: a.Node.Name + ": " + c + " in filter", Want: a.accepts()[0], Got: "no rule for this port"})
		for _, rule := range a.accepts() {
			f.Relief = lines(f.Relief, fmt.Sprintf("on %s: %s -I %s %s", a.Node.Name, t, c, rule))
		}
	}
	f.Confirm = fmt.Sprintf("on %s: %s -t nat -S %s; %s -S %s", a.Node.Name, t, c, t, c)
	return f
}

// passes reports whether the engine's chain in filter accepts the port's packets.
func (a *arrival) passes() bool {
	return slices.ContainsFunc(a.Rules.Filter.Rules, func(r fact.Rule) bool {
		return r.Target.Kind == fact.TargetAccept && expect.Mentions(&r, a.Port.Port.Proto, a.Port.Port.Published)
	})
}
