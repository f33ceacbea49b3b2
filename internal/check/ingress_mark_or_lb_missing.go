package check

import (
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IngressMarkMissing finds ingress sandboxes that do not mark a published port's
// packets, or have no virtual service for the mark.
var IngressMarkMissing = &Check{
	ID:    "ingress-mark-or-lb-missing",
	Title: "a node's ingress sandbox does not balance a published port",
	Doc: Doc{
		Symptom: "A published port is refused on one node (\"connection refused\") while the service is healthy and other nodes answer.",
		Cause: "In ingress_sbox a rule of mangle PREROUTING marks what comes for the port, and IPVS balances what has the mark. Without either, the packet is delivered to the sandbox itself, " +
			"where nobody listens: it refuses.",
		ByHand: "`nsenter --net=/var/run/docker/netns/ingress_sbox iptables -t mangle -S PREROUTING`, the mark in decimal, and `… ipvsadm -Ln`: an FWM entry with that number.",
		Relief: "Put mark or virtual service back by hand; or publish the service anew, which does both on every node.",
		Fix:    "Look in the engine's log for \"Failed to add firewall mark rule\" and \"Failed to create a new service for vip\"; restart the engine on that node in a quiet hour.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindRules, fact.KindIPVS, fact.KindLinks},
	Because: []string{"ingress-sbox-missing", "ingress-network-unusable", "ipvs-kernel-missing", "ingress-port-conflict-host"},
	Run:     ingressMark,
}

func ingressMark(in *In) []Finding {
	var out []Finding
	for _, a := range in.sandboxes() {
		p, mark := a.Port.Port, a.Pre.Packet.Mark
		switch {
		case a.Pre.Fate != expect.Accepted || a.Pre.Packet.MarkUnsure:
			in.Blind("%s: whether ingress_sbox marks port %d is not known: %s", a.Node.Name, p.Published, a.Pre.Why)
		case mark == 0:
			f := a.finding(in, fmt.Sprintf("the ingress sandbox of %s does not mark port %d/%s of %s: it refuses what it should balance", a.Node.Name, p.Published, p.Proto, a.Port.Name))
			want := a.markRule(in)
			f.Evidence = []Evidence{{Where: a.Node.Name + ": mangle PREROUTING of ingress_sbox", Want: want, Got: "no rule for this port"}}
			f.Relief = fmt.Sprintf("on a manager: docker service update --force %s", quoted(a.Port.Name))
			if f.Impact = ImpactTask; want != anyMark {
				f.Relief, f.Impact = fmt.Sprintf("on %s: %s%s -t mangle -A PREROUTING %s", a.Node.Name, Enter(a.NS.Name), iptablesOf(a.NS, fact.Legacy), want), ImpactNone
			}
			out = append(out, f)
		case a.Virtual == nil && a.known(mark):
			f := a.finding(in, fmt.Sprintf("the ingress sandbox of %s has no virtual service for the mark %d of port %d/%s of %s", a.Node.Name, mark, p.Published, p.Proto, a.Port.Name))
			f.Evidence = []Evidence{{Where: a.Node.Name + ": IPVS of ingress_sbox", Want: fmt.Sprintf("FWM %d", mark), Got: "none"}}
			f.Relief = fmt.Sprintf("on %s: %sipvsadm -A -f %d -s rr", a.Node.Name, Enter(a.NS.Name), mark)
			for _, e := range in.Scope.To {
				if ip := e.Addr(a.Port.Network); e.Service == a.Port.Service && e.Running && ip.IsValid() {
					f.Relief = lines(f.Relief, fmt.Sprintf("on %s: %sipvsadm -a -f %d -r %s:0 -m -w 1", a.Node.Name, Enter(a.NS.Name), mark, ip))
				}
			}
			f.Impact = ImpactNone
			out = append(out, f)
		}
	}
	return out
}

// known: the engine itself uses that mark for this port, or nobody knows marks.
// A foreign mark is fwmark-rule-missing-or-conflicting's.
func (a *inSandbox) known(mark uint32) bool {
	believed := a.believedMark()
	return believed == 0 || believed == mark
}

const anyMark = "a mark for this port"

// markRule is the rule that is missing, as the engine writes it.
func (a *inSandbox) markRule(in *In) string {
	mark := a.believedMark()
	if mark == 0 {
		return anyMark
	}
	p := a.Port.Port
	return fmt.Sprintf("-p %s -m %s --dport %d -j MARK --set-mark %d", p.Proto, p.Proto, p.Published, mark)
}
