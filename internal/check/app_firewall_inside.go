package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// AppFirewallInside finds containers whose own rules, not the engine's, drop
// what the question is about.
var AppFirewallInside = &Check{
	ID:    "app-firewall-inside",
	Title: "a firewall inside a container drops the connections",
	Doc: Doc{
		Symptom: "Connections to tasks of one image time out or are refused, from everywhere, although the program listens; or one task alone reaches nobody.",
		Cause: "The image, or a privileged tool beside it, sets packet rules inside the container's namespace (ufw, fail2ban, an init script). " +
			"They apply after the engine delivered the packet, and no engine looks at them.",
		ByHand: "In the container's namespace: `iptables -nvL; nft list ruleset`: a DROP or REJECT, or a policy, that is not the engine's, whose counter rises with each attempt.",
		Relief: "Accept the port before that rule, in the container's namespace; the next start of the container brings the rule back.",
		Fix:    "Take the firewall out of the image; who may reach a task is decided by its networks.",
	},
	Needs:  []fact.Kind{fact.KindRules, fact.KindSockets, fact.KindLinks, fact.KindTCP},
	Claims: anyFailure,
	Run:    appFirewall,
}

func appFirewall(in *In) []Finding {
	var out []Finding
	for _, d := range slices.Concat(in.droppedInside(), in.droppedOnTheWayOut(), in.droppedPublished()) {
		if slices.ContainsFunc(out, func(o Finding) bool { return o.Subject == EndSubject(d.End) }) {
			continue
		}
		what := fmt.Sprintf("%s to port %d", d.Proto, d.Port)
		f := d.Finding
		f.Certainty, f.Node, f.Subject, f.Impact = Proof, d.Node.Name, EndSubject(d.End), ImpactNone
		f.Message = fmt.Sprintf("a firewall inside %s on %s drops %s", d.End.Name, d.Node.Name, what)
		f.Evidence = []Evidence{{Where: fmt.Sprintf("%s: rules inside %s", d.Node.Name, d.End.Name), Want: what + " accepted", Got: shown(d.By)}}
		f.Confirm = fmt.Sprintf("on %s: %siptables -nvL; %snft list ruleset", d.Node.Name, Enter(d.NS.Name), Enter(d.NS.Name))
		f.Relief = fmt.Sprintf("on %s: %s%s", d.Node.Name, Enter(d.NS.Name), letPass(d.NS, d.By, d.Proto, d.Port))
		out = append(out, f)
	}
	return out
}

// dropped is what a rule inside a container stops.
type dropped struct {
	Finding
	End   *expect.End
	Node  *fact.Node
	NS    *fact.NetNS
	By    *expect.Step
	Proto string
	Port  uint16
}

// droppedInside walks the question's connections into its targets. One that
// came through shows that nothing stops them.
func (in *In) droppedInside() []dropped {
	var out []dropped
	for _, b := range in.backends() {
		for _, net := range in.Scope.Networks {
			for _, port := range in.portsOf(&b) {
				tried, at := in.tried(&b, net, port), b.Addr(net)
				if !at.IsValid() || slices.ContainsFunc(tried, opened) || !in.Can(b.Node, b.NS.Name, fact.KindRules, fact.KindLinks) {
					continue
				}
				w, ok := expect.Enter(b.NS, in.fromOn(net, at), at, in.Scope.Proto, port)
				switch {
				case ok && w.Fate == expect.FateUnknown:
					in.Blind("%s: what the rules inside %s do is not known: %s", b.Node.Name, b.Name, w.Why)
				case ok && w.Stopped():
					hit := slices.ContainsFunc(tried, func(p fact.TCPProbe) bool { return failed(p.Outcome) })
					out = append(out, dropped{Finding{Probed: hit}, b.End, b.Node, b.NS, w.By, in.Scope.Proto, port})
				}
			}
		}
	}
	return out
}

// droppedPublished walks requests to published ports into the tasks behind them;
// what the engine's own rules drop there is another cause.
func (in *In) droppedPublished() []dropped {
	var out []dropped
	for _, t := range in.publishedTasks() {
		w := &t.Input
		if t.Pre.Fate != expect.Accepted {
			w = &t.Pre
		}
		if w.Fate == expect.FateUnknown {
			in.Blind("%s: what the rules inside %s do is not known: %s", t.Node.Name, t.End.Name, w.Why)
		} else if w.Stopped() && !t.Own {
			out = append(out, dropped{t.finding(in, ""), t.End, t.Node, t.NS, w.By, t.Port.Port.Proto, w.Packet.DstPort})
		}
	}
	return out
}
