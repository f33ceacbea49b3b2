package check

import (
	"fmt"

	"fairway/internal/fact"
)

// DaemonIPTablesDisabled finds engines that were told to write no packet rules.
var DaemonIPTablesDisabled = &Check{
	ID:    "daemon-iptables-disabled",
	Title: "an engine is told to write no packet rules",
	Doc: Doc{
		Symptom: "On one node containers reach nothing outside, ports published there behave unlike on other nodes (clients all have one address, or nothing answers), and `iptables -S` shows no chain DOCKER.",
		Cause: "daemon.json says \"iptables\": false, or dockerd was started with --iptables=false. The engine then writes no NAT and no filter rules into the host; only the rules inside containers and, up to 28, those of the routing mesh. " +
			"It is meant for hosts where somebody else writes all of them.",
		ByHand: "`grep iptables /etc/docker/daemon.json; ps -o args= -C dockerd`; `iptables -t nat -S` on this node and on another.",
		Relief: "Write by hand what containers need to reach the outside.",
		Fix:    "Take the setting away and restart the engine in a quiet hour, or have whoever writes the host's rules write the engine's, too.",
	},
	Needs: []fact.Kind{fact.KindInfo, fact.KindRules, fact.KindLinks, fact.KindNetworks},
	Run:   iptablesDisabled,
}

func iptablesDisabled(in *In) []Finding {
	var out []Finding
	for _, w := range in.firewalls() {
		if !w.lost() || !w.silenced() {
			continue
		}
		said := "its settings say so"
		c := Proof
		if w.Node.Engine.WritesRules == "" {
			said, c = "of its own rules those of the routing mesh are there, and no chain besides", Strong
		}
		f := w.finding(in, c, fmt.Sprintf("the engine of %s is told to write no packet rules: %s. Missing: %s", w.Node.Name, said, w.missing()))
		f.Evidence = []Evidence{
			{Where: w.Node.Name + ": settings of the engine", Want: "iptables: true", Got: said},
			{Where: w.Node.Name + ": packet rules of the host", Want: "the engine's chains, the jumps to them, and MASQUERADE for its bridge", Got: "missing: " + w.missing()},
		}
		f.Confirm = fmt.Sprintf("on %s: grep iptables /etc/docker/daemon.json; ps -o args= -C dockerd", w.Node.Name)
		f.Relief = w.restore(in)
		out = append(out, f)
	}
	return out
}

// silenced: the engine was told to write no rules. Where nobody could read its
// settings, the routing mesh's rules without any other of the engine's tell it: a
// flush takes all.
func (w *firewall) silenced() bool {
	switch w.Node.Engine.WritesRules {
	case "no":
		return true
	case "yes":
		return false
	}
	filter := w.Host.Netfilter.Table(w.Backend, "ip", "filter").Chain("DOCKER-INGRESS")
	return !w.Chains && filter != nil && len(filter.Rules) > 1
}
