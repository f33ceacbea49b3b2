package check

import (
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// IngressRedirectMissing finds tasks whose namespace does not lead a published
// port to the port that the application listens on, or does not let it in.
var IngressRedirectMissing = &Check{
	ID:    "ingress-redirect-missing",
	Title: "inside a task the published port does not lead to its target port",
	Doc: Doc{
		Symptom: "One request in so many to a published port is refused or times out: those that are balanced to one task. The task answers on the user network.",
		Cause: "Inside the task's namespace the engine redirects the published port to the target port, accepts that and drops every other port of the ingress address. " +
			"It writes these rules once, when the task starts; a failure is only logged, and whatever flushes rules in the container takes them away.",
		ByHand: "In the task's namespace: `iptables -t nat -S PREROUTING` shows REDIRECT from the published to the target port, `iptables -S INPUT` its ACCEPT before the DROPs.",
		Relief: "Put the rules back in the task's namespace by hand.",
		Fix:    "Start the task anew; keep firewall tools out of the image.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindRules, fact.KindLinks, fact.KindContainers},
	Side:    ToSide,
	Because: []string{"ingress-network-unusable", "iptables-backend-split"},
	Run:     ingressRedirect,
}

func ingressRedirect(in *In) []Finding {
	var out []Finding
	for _, t := range in.publishedTasks() {
		p := t.Port.Port
		got, want, cmd := "", "", ""
		ipt := fmt.Sprintf("on %s: %s%s", t.Node.Name, Enter(t.NS.Name), iptablesOf(t.NS, fact.Legacy))
		switch {
		case t.Pre.Fate == expect.FateUnknown:
			in.Blind("%s: whether %s redirects port %d is not known: %s", t.Node.Name, t.End.Name, p.Published, t.Pre.Why)
			continue
		case t.Pre.Fate != expect.Accepted:
			continue // app-firewall-inside has it
		case t.Pre.Packet.DstPort != p.Target:
			want = fmt.Sprintf("%d → %d", p.Published, p.Target)
			got = fmt.Sprintf("no rule redirects %d", p.Published)
			if n := len(t.Pre.Did); n > 0 {
				got = shown(&t.Pre.Did[n-1])
			}
			cmd = fmt.Sprintf("%s -t nat -I PREROUTING -d %s/32 -p %s -m %s --dport %d -j REDIRECT --to-ports %d", ipt, t.At, p.Proto, p.Proto, p.Published, p.Target)
		case t.Input.Fate == expect.Dropped && t.Own:
			want, got = fmt.Sprintf("%s to port %d accepted", p.Proto, p.Target), shown(t.Input.By)
			cmd = fmt.Sprintf("%s -I INPUT -d %s/32 -p %s -m %s --dport %d -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT", ipt, t.At, p.Proto, p.Proto, p.Target)
		default:
			continue
		}
		f := t.finding(in, fmt.Sprintf("%s on %s does not lead port %d/%s of %s to its port %d", t.End.Name, t.Node.Name, p.Published, p.Proto, t.Port.Name, p.Target))
		f.Evidence = []Evidence{{Where: fmt.Sprintf("%s: rules of %s", t.Node.Name, t.End.Name), Want: want, Got: got}}
		f.Confirm = ipt + " -t nat -S PREROUTING"
		f.Relief, f.Impact = cmd, ImpactNone
		out = append(out, f)
	}
	return out
}
