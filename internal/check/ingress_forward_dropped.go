package check

import (
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IngressForwardDropped finds hosts whose FORWARD rules stop what comes in for a
// published port, or its answers.
var IngressForwardDropped = &Check{
	ID:    "ingress-forward-dropped",
	Title: "a host's FORWARD rules drop what comes in for a published port",
	Doc: Doc{
		Symptom: "A published port answers on the node itself and not from outside: a node's own requests take OUTPUT and skip FORWARD.",
		Cause:   "A rule or policy of the host stops the packets before the engine's accept: in DOCKER-USER, by ufw or a script. On 28.0.0 the engine itself put its accept behind its own drops.",
		ByHand:  "`iptables -L FORWARD -v -n --line-numbers` and on through the chains it jumps to: the first rule that matches, and whose counter rises while you ask.",
		Relief:  "Let the port pass in DOCKER-USER, which is asked first.",
		Fix:     "Take the rule away, or limit it to what it was meant for; allow published ports in DOCKER-USER. On engine 28.0.0: upgrade to 28.0.1.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindRules, fact.KindLinks},
	Because: []string{"daemon-iptables-disabled", "firewall-flush", "iptables-backend-split", "ingress-chain-missing", "ingress-port-rule-missing", "ingress-dnat-wrong-target"},
	Run:     func(in *In) []Finding { return in.stopped(inForward) },
}

// inForward: iptables' own FORWARD, and what it jumps to.
func inForward(hook string, by *expect.Step) bool {
	return hook == "forward" && by.Table == "filter" && by.Family == "ip"
}

// stopped finds published ports whose packets a host's rules drop at a place of
// that sort.
func (in *In) stopped(here func(hook string, by *expect.Step) bool) []Finding {
	var out []Finding
	for _, a := range in.arrivals() {
		for _, w := range []struct {
			hook, what string
			walked     expect.Walked
		}{{"prerouting", "what comes in for", a.Pre}, {"forward", "what comes in for", a.Forward}, {"forward", "the answers of", a.Back}} {
			if w.walked.By == nil || !here(w.hook, w.walked.By) {
				continue
			}
			if w.walked.Fate == expect.FateUnknown {
				if in.portFails(a.Node.ID, a.Port, fact.StageNode) {
					in.Blind("%s: %s decides over %s port %d, and %s", a.Node.Name, w.walked.By, w.what, a.Port.Port.Published, w.walked.Why)
				}
				continue
			}
			out = append(out, a.dropped(in, w.what, w.hook, &w.walked))
			break
		}
	}
	return out
}

func (a *arrival) dropped(in *In, what, hook string, w *expect.Walked) Finding {
	p := a.Port.Port
	f := a.finding(in, fmt.Sprintf("%s of %s drops %s port %d/%s of %s", w.By, a.Node.Name, what, p.Published, p.Proto, a.Port.Name))
	f.Evidence = []Evidence{{Where: fmt.Sprintf("%s: %s, from %s", a.Node.Name, hook, a.In), Want: "accepted", Got: shown(w.By)}}
	if w.Why != "" {
		f.Evidence = append(f.Evidence, Evidence{Where: a.Node.Name + ": " + hook, Want: "every rule understood", Got: w.Why})
	}
	f.Impact = ImpactNone
	tool := iptablesOf(a.Host, w.By.Backend)
	switch {
	case w.By.Backend == fact.NFTables && !xtables(w.By):
		f.Confirm = fmt.Sprintf("on %s: nft -a list chain %s %s %s", a.Node.Name, w.By.Family, quoted(w.By.Table), quoted(w.By.Chain))
		if w.By.Rule != nil {
			f.Relief = fmt.Sprintf("on %s: nft insert rule %s %s %s position %d %s dport %d accept", a.Node.Name, w.By.Family, quoted(w.By.Table), quoted(w.By.Chain), w.By.Rule.Handle, p.Proto, p.Published)
		} else {
			f.Relief = fmt.Sprintf("on %s: nft add rule %s %s %s %s dport %d accept", a.Node.Name, w.By.Family, quoted(w.By.Table), quoted(w.By.Chain), p.Proto, p.Published)
		}
	case hook == "forward" && w.By.Table == "filter":
		f.Confirm = fmt.Sprintf("on %s: %s -L %s -v -n --line-numbers", a.Node.Name, tool, quoted(w.By.Chain))
		f.Relief = fmt.Sprintf("on %s: %s -I DOCKER-USER -o docker_gwbridge -p %s --dport %d -j ACCEPT\non %s: %s -I DOCKER-USER -i docker_gwbridge -p %s --sport %d -j ACCEPT",
			a.Node.Name, tool, p.Proto, p.Published, a.Node.Name, tool, p.Proto, p.Published)
	default:
		f.Confirm = fmt.Sprintf("on %s: %s -t %s -L %s -v -n --line-numbers", a.Node.Name, tool, quoted(w.By.Table), quoted(w.By.Chain))
		if w.By.Rule != nil {
			f.Relief = fmt.Sprintf("on %s: %s -t %s -I %s %d -p %s --dport %d -j ACCEPT", a.Node.Name, tool, quoted(w.By.Table), quoted(w.By.Chain), w.By.Rule.Number, p.Proto, p.Published)
		} else {
			f.Relief = fmt.Sprintf("on %s: %s -t %s -A %s -p %s --dport %d -j ACCEPT", a.Node.Name, tool, quoted(w.By.Table), quoted(w.By.Chain), p.Proto, p.Published)
		}
	}
	return f
}

// xtables: a table that iptables itself shows.
func xtables(s *expect.Step) bool {
	switch s.Table {
	case "filter", "nat", "mangle", "raw", "security":
		return s.Family == "ip" || s.Family == "ip6"
	}
	return false
}
