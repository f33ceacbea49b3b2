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
		if missing, _ := a.lost(); len(missing) > 0 {
			continue // ingress-chain-missing has it
		}
		dnat := expect.IngressDNAT(a.Node, a.Port) != nil
		pass := a.passes()
		if dnat && pass {
			continue
		}
		p, t := a.Port.Port, a.tool()
		f := a.finding(in, fmt.Sprintf("%s has no rule for port %d/%s of %s: what is asked there is not led to the tasks", a.Node.Name, p.Published, p.Proto, a.Port.Name))
		f.Impact = ImpactNone
		if !dnat {
			f.Evidence = append(f.Evidence, Evidence{Where: a.Node.Name + ": DOCKER-INGRESS in nat", Want: a.dnat(), Got: "no rule for this port"})
			f.Relief = fmt.Sprintf("on %s: %s -t nat -I DOCKER-INGRESS %s", a.Node.Name, t, a.dnat())
		}
		if !pass {
			f.Evidence = append(f.Evidence, Evidence{Where: a.Node.Name + ": DOCKER-INGRESS in filter", Want: fmt.Sprintf("-p %s --dport %d -j ACCEPT", p.Proto, p.Published), Got: "no rule for this port"})
			f.Relief = lines(f.Relief, fmt.Sprintf("on %s: %s -I DOCKER-INGRESS -p %s -m %s --sport %d -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", a.Node.Name, t, p.Proto, p.Proto, p.Published),
				fmt.Sprintf("on %s: %s -I DOCKER-INGRESS -p %s -m %s --dport %d -j ACCEPT", a.Node.Name, t, p.Proto, p.Proto, p.Published))
		}
		f.Confirm = fmt.Sprintf("on %s: %s -t nat -S DOCKER-INGRESS; %s -S DOCKER-INGRESS", a.Node.Name, t, t)
		out = append(out, f)
	}
	return out
}

// passes reports whether filter's DOCKER-INGRESS accepts the port's packets.
func (a *arrival) passes() bool {
	return slices.ContainsFunc(a.Rules.Filter.Rules, func(r fact.Rule) bool {
		return r.Target.Kind == fact.TargetAccept && expect.Mentions(&r, a.Port.Port.Proto, a.Port.Port.Published)
	})
}
