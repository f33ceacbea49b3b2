package check

import (
	"fmt"

	"fairway/internal/fact"
)

// FirewallFlush finds hosts from which the engine's own rules were swept away.
var FirewallFlush = &Check{
	ID:    "firewall-flush",
	Title: "a host has lost the engine's packet rules",
	Doc: Doc{
		Symptom: "On one node, all at once, published ports are dead and containers do not reach anything outside; often just after a firewall was reloaded, rules were restored from a file, or configuration management ran.",
		Cause: "The engine writes its rules when it starts and when something changes, and never looks again. Whatever replaces whole tables (`iptables-restore`, `nft flush ruleset`, a reload of firewalld or ufw) takes them away. " +
			"The rules inside containers are left, which tells a flush from an engine that cannot write rules.",
		ByHand: "`iptables -S; iptables -t nat -S`: on a good node the chains DOCKER and DOCKER-USER with the jumps to them, and MASQUERADE for each bridge; on the bad one two or more of these are missing.",
		Relief: "Put the rules back by hand, as the engine writes them.",
		Fix:    "Restart the engine in a quiet hour, which writes all of its rules anew; keep tools that manage the firewall from flushing what is not theirs. Engines from 29 on write ingress anew after a reload of firewalld, too.",
	},
	Needs:   []fact.Kind{fact.KindInfo, fact.KindRules, fact.KindLinks, fact.KindNetworks},
	Because: []string{"daemon-iptables-disabled"},
	Run:     firewallFlush,
}

func firewallFlush(in *In) []Finding {
	var out []Finding
	for _, w := range in.firewalls() {
		if !w.lost() || w.silenced() || w.Of > 0 && w.Inside == 0 {
			continue
		}
		c := Strong
		if (w.Chains || w.Node.Engine.WritesRules == "yes") && w.Inside > 0 {
			c = Proof
		}
		f := w.finding(in, c, fmt.Sprintf("%s has lost the engine's packet rules (%s), without which what it publishes and what its tasks send outside do not find their way", w.Node.Name, w.missing()))
		if !w.Chains && w.Node.Engine.WritesRules == "" {
			f.Message += "; or its engine is told to write none, which could not be read"
		}
		f.Evidence = []Evidence{
			{Where: w.Node.Name + ": packet rules of the host", Want: "the engine's chains, the jumps to them, and MASQUERADE for its bridge", Got: "missing: " + w.missing()},
			{Where: w.Node.Name + ": packet rules inside its containers", Want: "those of the engine's resolver", Got: fmt.Sprintf("there in %d of %d namespaces", w.Inside, w.Of)},
		}
		tool := iptablesOf(w.Host, w.Backend)
		f.Confirm = fmt.Sprintf("on %s: %s -t nat -S; %s -S", w.Node.Name, tool, tool)
		f.Relief = w.restore(in)
		out = append(out, f)
	}
	return out
}
