package check

import (
	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IngressInputDropped finds hosts that stop what comes in for a published port
// outside of iptables' FORWARD: before the translation, or in a table of its own.
var IngressInputDropped = &Check{
	ID:    "ingress-input-dropped",
	Title: "a host drops what comes in for a published port before it is forwarded",
	Doc: Doc{
		Symptom: "From outside a published port is silent on one node although FORWARD accepts it; on the node itself it answers.",
		Cause:   "A rule in raw, mangle or nat PREROUTING, or a table of nf_tables with a base chain of its own: an accept in iptables does not undo a drop there. Where no rule drops, something outside the host does (a cloud's security group).",
		ByHand:  "`nft list ruleset` shows every base chain of every table with its priority; `iptables -t raw -S`, `iptables -t mangle -S`. `tcpdump -ni IFACE tcp port PORT` tells whether the packets arrive at all.",
		Relief:  "Accept the port before the rule that drops it.",
		Fix:     "Take the rule away or limit it; one owner of the host's firewall is enough.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindRules, fact.KindLinks},
	Because: []string{"daemon-iptables-disabled"},
	Run: func(in *In) []Finding {
		return in.stopped(func(hook string, by *expect.Step) bool { return !inForward(hook, by) })
	},
}
