package check_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// closed makes every request from other nodes to node i's published port end so.
func closed(s *fact.Snapshot, i int, o fact.Outcome) {
	for k := range s.Seen.Published {
		if q := &s.Seen.Published[k]; q.Stage == fact.StageNode && q.Node == facttest.NodeOf(s, i).ID {
			answer(q, o)
		}
	}
}

// saved replaces a table of node i's host by what iptables-save would print.
func saved(s *fact.Snapshot, i int, f func(text string) string, table string) {
	rewritten(facttest.NodeOf(s, i).Kernel.Host(), table, f)
}

// rewritten does so in any namespace.
func rewritten(ns *fact.NetNS, table string, f func(text string) string) {
	t := ns.Netfilter.Table(fact.Legacy, "ip", table)
	var b strings.Builder
	b.WriteString("*" + table + "\n")
	for _, c := range t.Chains {
		policy := "-"
		if c.Hook != "" {
			policy = strings.ToUpper(c.Policy)
		}
		b.WriteString(":" + c.Name + " " + policy + " [0:0]\n")
	}
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			b.WriteString(r.Line(c.Name) + "\n")
		}
	}
	*t = facttest.Saved(fact.Legacy, "ip", f(b.String())+"COMMIT\n")[0]
}

func without(part string) func(string) string {
	return func(text string) string {
		return strings.Join(slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return strings.HasPrefix(l, "-A") && strings.Contains(l, part) }), "\n")
	}
}

func with(line string) func(string) string {
	return func(text string) string { return text + line + "\n" }
}

func first(line string) func(string) string {
	return func(text string) string {
		head, rules, _ := strings.Cut(text, "\n-A ")
		return head + "\n" + line + "\n-A " + rules
	}
}

// strict makes FORWARD of node i drop what nothing accepts, as an engine does that
// switched forwarding on.
func strict(s *fact.Snapshot, i int) {
	facttest.NodeOf(s, i).Kernel.Host().Netfilter.Table(fact.Legacy, "ip", "filter").Chain("FORWARD").Policy = "drop"
}

// onNode2 breaks a node of a mesh that was asked, and has its port time out.
func onNode2(f func(s *fact.Snapshot)) *fact.Snapshot {
	s := meshAsked("26.1.5")
	f(s)
	closed(s, 2, fact.Timeout)
	return s
}

// portFault expects one root cause, proven, on n2, at one hop of its path.
func portFault(t *testing.T, s *fact.Snapshot, want, says string) {
	t.Helper()
	r, err := check.Run(s, check.All(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Causes) != 1 || r.Causes[0].ID != want || r.Causes[0].Node != "n2" || r.Causes[0].Certainty != check.Proof {
		t.Fatalf("causes %+v, want %s on n2", r.Causes, want)
	}
	if all := r.Causes[0].Relief + r.Causes[0].Evidence[0].Got; !strings.Contains(all, says) {
		t.Errorf("%q does not say %q", all, says)
	}
	if r.Verdict != check.VerdictFailed || strings.Contains(r.Summary, "explained by no cause") {
		t.Errorf("%s: %s", r.Verdict, r.Summary)
	}
	broken := map[string]bool{}
	for _, p := range r.Paths {
		for _, h := range p.Hops {
			if h.Answer == check.Failed {
				broken[h.Hop] = true
				if h.Node != "n2" && r.Causes[0].Subject.Kind == "node" {
					t.Errorf("%s of %s: %s", h.Hop, h.Node, h.Why)
				}
			}
		}
	}
	// What a missing rule of filter leaves is dropped at the next hop: that is a
	// consequence, and told there.
	if len(broken) == 0 || len(broken) > 2 {
		t.Errorf("hops marked as broken: %v", broken)
	}
}

// portUnknown expects the check to answer unknown, for a reason, and no cause.
func portUnknown(t *testing.T, s *fact.Snapshot, id, says string) {
	t.Helper()
	r, err := check.Run(s, check.All(), 0)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(r.Checks, func(a check.CheckAnswer) bool { return a.ID == id })
	if a := r.Checks[i]; a.Answer != check.Unknown || !strings.Contains(a.Reason, says) {
		t.Errorf("%s is %s: %q, want unknown with %q", id, a.Answer, a.Reason, says)
	}
	if len(r.Causes) > 0 {
		t.Errorf("causes %+v", r.Causes)
	}
}

// withoutRules is a mesh where nobody could read n2's rules.
func withoutRules() *fact.Snapshot {
	s := meshAsked("26.1.5")
	s.Gaps = append(s.Gaps, fact.Gap{Node: "n2", Kind: fact.KindRules, Class: fact.ClassPermission, Reason: "read packet rules: operation not permitted"})
	return s
}

// Rules of the operator that let the port pass are none of our business.
func TestIngressHostTolerates(t *testing.T) {
	s := meshAsked("28.5.2")
	saved(s, 2, first("-A DOCKER-USER -s 192.0.2.0/24 -j DROP"), "filter")
	saved(s, 2, first("-A DOCKER-USER -p tcp -m tcp --dport 22 -j DROP"), "filter")
	saved(s, 3, with("-A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE"), "nat")
	r, err := check.Run(s, check.All(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != check.VerdictOK || len(r.Causes)+len(r.Elsewhere) > 0 {
		t.Errorf("%s: %+v", r.Summary, r.Causes)
	}
}

// TestIngressBridged: engines that publish through the gateway bridge have no
// chain of their own for the routing mesh.
func TestIngressBridged(t *testing.T) {
	on := func(f func(text string) string, table string) *fact.Snapshot {
		s := meshAsked("29.0.0-beta.24")
		saved(s, 2, f, table)
		closed(s, 2, fact.Timeout)
		return s
	}
	portFault(t, on(without("-j DNAT"), "nat"), "ingress-port-rule-missing", "-t nat -I DOCKER ! -i docker_gwbridge -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.9:8080")
	portFault(t, on(without("--dport 8080 -j ACCEPT"), "filter"), "ingress-port-rule-missing", "-I DOCKER -d 172.18.0.9/32 ! -i docker_gwbridge -o docker_gwbridge -p tcp -m tcp --dport 8080 -j ACCEPT")
	portFault(t, on(func(text string) string { return strings.ReplaceAll(text, "172.18.0.9:8080", "172.18.0.77:8080") }, "nat"), "ingress-dnat-wrong-target", "-t nat -R DOCKER")
}
