package check

import (
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IngressDNATWrongTarget finds published ports that a host's rules lead to an
// address which is not its ingress sandbox's.
var IngressDNATWrongTarget = &Check{
	ID:    "ingress-dnat-wrong-target",
	Title: "a host leads a published port to a wrong address",
	Doc: Doc{
		Symptom: "A published port times out on one node, since its engine was restarted or its gateway bridge was made anew.",
		Cause:   "The rule in DOCKER-INGRESS names the address that the ingress sandbox had on docker_gwbridge when it was written; the sandbox has another one now. Or a rule before it catches the port.",
		ByHand:  "`iptables -t nat -S DOCKER-INGRESS` against `nsenter --net=/var/run/docker/netns/ingress_sbox ip -4 addr`: the address after --to-destination must be there.",
		Relief:  "Replace the rule by hand.",
		Fix:     "Restart the engine on that node in a quiet hour, which writes all of these rules anew.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindRules, fact.KindLinks},
	Because: []string{"ingress-sbox-missing", "gwbridge-missing-or-conflict"},
	Run:     ingressDNATTarget,
}

func ingressDNATTarget(in *In) []Finding {
	var out []Finding
	for _, a := range in.arrivals() {
		to := a.Pre.Packet
		switch {
		case a.Pre.Fate != expect.Accepted:
			continue // ingress-input-dropped has it
		case !a.Sandbox.IsValid():
			in.Blind("%s: the ingress sandbox's address on %s is not known", a.Node.Name, expect.GatewayBridge)
			continue
		case len(a.Pre.Did) == 0 || to.Dst == a.At && to.DstPort == a.Port.Port.Published:
			continue // not translated: the rule is missing
		case to.Dst == a.Sandbox && to.DstPort == a.Port.Port.Published:
			continue
		}
		by := a.Pre.Did[len(a.Pre.Did)-1]
		p := a.Port.Port
		f := a.finding(in, fmt.Sprintf("%s leads port %d/%s of %s to %s:%d, and its ingress sandbox is at %s", a.Node.Name, p.Published, p.Proto, a.Port.Name, to.Dst, to.DstPort, a.Sandbox))
		f.Evidence = []Evidence{{Where: fmt.Sprintf("%s: %s", a.Node.Name, by), Want: a.dnat(), Got: shown(&by)}}
		f.Confirm = fmt.Sprintf("on %s: %s -t nat -S %s; %sip -4 addr", a.Node.Name, a.tool(), by.Chain, Enter("ingress_sbox"))
		if by.Rule != nil && by.Chain == a.Rules.Chain {
			f.Relief = fmt.Sprintf("on %s: %s -t nat -R %s %d %s", a.Node.Name, a.tool(), by.Chain, by.Rule.Number, a.dnat())
		} else if by.Rule != nil {
			f.Relief = fmt.Sprintf("on %s: %s -t nat -D %s %d", a.Node.Name, a.tool(), by.Chain, by.Rule.Number)
		}
		f.Impact = ImpactNone
		out = append(out, f)
	}
	return out
}
