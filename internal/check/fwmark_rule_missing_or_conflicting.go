package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// FWMarkRule finds balancers whose rules give a connection no mark, or another one
// than the engine means.
var FWMarkRule = &Check{
	ID:    "fwmark-rule-missing-or-conflicting",
	Title: "a node's load balancer marks a virtual IP or a published port wrongly, or not at all",
	Doc: Doc{
		Symptom: "A published port or a virtual IP leads to another service, or is refused, on one node; the service is healthy.",
		Cause: "A rule of the table mangle gives packets the mark by which IPVS knows the service. Marking does not end a chain: of two rules that fit, the last one wins, " +
			"and a rule left behind by a removed or updated service gives a mark that is another's, or nobody's. Or somebody flushed the table.",
		ByHand: "In the namespace (ingress_sbox, or lb_ and the first nine of the network's ID) `iptables -t mangle -S`: the last rule for the port (PREROUTING) or the VIP (INPUT) has the LocalLBIndex of `docker network inspect -v NETWORK` on that node.",
		Relief: "Delete the rule that is too many; put back the one that is missing.",
		Fix:    "Restart the engine on that node in a quiet hour; upgrade engines that leave rules behind.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindRules, fact.KindIPVS, fact.KindLinks},
	Side:    FromSide,
	Because: []string{"ingress-network-unusable", "ingress-sbox-missing", "ipvs-kernel-missing", "vip-disagreement", "lb-vip-not-programmed", "iptables-backend-split"},
	Run:     fwmarkRule,
}

func fwmarkRule(in *In) []Finding {
	var out []Finding
	for _, b := range in.balances() {
		got := b.In.Packet.Mark
		switch {
		case b.In.Fate != expect.Accepted || b.In.Packet.MarkUnsure:
			in.Blind("%s: which mark the %s gets is not known: %s", b.Node.Name, &b, b.stopped())
		case b.Believed == 0 || got == b.Believed:
		case got != 0:
			out = append(out, b.wronglyMarked(in))
		case b.Port == nil && b.Virtual != nil: // else another check has it
			f := b.finding(in, fmt.Sprintf("no rule on %s marks the %s: its load balancer refuses it", b.Node.Name, &b))
			f.Evidence = []Evidence{{b.where("mangle INPUT"), "-A " + b.rule(), "no rule for this address"}}
			f.Relief = b.on("%s -t mangle -A %s", b.iptables(), b.rule())
			out = append(out, f)
		}
	}
	return out
}

// stopped says why a connection was not followed to its mark.
func (b *balance) stopped() string {
	if b.In.Why == "" && b.In.By != nil {
		return b.In.By.String() + " drops it"
	}
	return b.In.Why
}

// wronglyMarked is about a rule that comes last and gives a foreign mark.
func (b *balance) wronglyMarked(in *In) Finding {
	did := slices.DeleteFunc(slices.Clone(b.In.Did), func(s expect.Step) bool { return s.Rule == nil || s.Rule.Target.Kind != fact.TargetMark })
	got := b.In.Packet.Mark
	f := b.finding(in, fmt.Sprintf("the %s gets the mark %d on %s, which %s, instead of %d", b, got, b.Node.Name, b.whose(got), b.Believed))
	right := slices.ContainsFunc(did, func(s expect.Step) bool { return s.Rule.Target.Value == b.Believed })
	var relief []string
	for _, s := range did {
		if s.Rule.Target.Value == b.Believed {
			continue
		}
		f.Evidence = append(f.Evidence, Evidence{b.where(s.Table + " " + s.Chain), "mark " + fmt.Sprint(b.Believed), shown(&s)})
		relief = append(relief, b.on("%s -t mangle -D %s", iptablesOf(b.NS, s.Backend), strings.TrimPrefix(s.Rule.Line(s.Chain), "-A ")))
	}
	if len(f.Evidence) == 0 { // set by something that is no plain mark
		f.Evidence = []Evidence{{b.where("mangle"), "mark " + fmt.Sprint(b.Believed), fmt.Sprintf("mark %d", got)}}
	}
	if !right {
		relief = append(relief, b.on("%s -t mangle -A %s", b.iptables(), b.rule()))
	}
	f.Relief = lines(relief...)
	return f
}

// whose says to which service of the network a mark leads.
func (b *balance) whose(mark uint32) string {
	if net := b.Node.Engine.Network(b.Net.ID); net != nil {
		for _, s := range net.Services {
			if s.FWMark == mark && s.Name != "" {
				return "is " + s.Name + "'s"
			}
		}
	}
	if b.NS.IPVS.Service("ip", mark) != nil {
		return "is no service's that the engine knows"
	}
	return "is nobody's"
}
