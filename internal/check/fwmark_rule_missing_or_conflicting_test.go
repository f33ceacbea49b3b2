package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// mangled rewrites the table mangle of a namespace by iptables-save's words.
func mangled(ns *fact.NetNS, f func(string) string) { rewritten(ns, "mangle", f) }

func TestFWMarkRule(t *testing.T) {
	const id = "fwmark-rule-missing-or-conflicting"
	lb := func(s *fact.Snapshot) *fact.NetNS { return facttest.Balancer(s, 2) }
	sbox := func(s *fact.Snapshot) *fact.NetNS { return facttest.IngressSandbox(s, 2) }
	t.Run("virtual IP without a mark", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Refused, unmarked), id, "-t mangle -A INPUT -d 10.0.1.100/32 -j MARK --set-mark 277")
	})
	t.Run("virtual IP with another's mark", func(t *testing.T) {
		s := vipOnNode2(fact.Refused, func(s *fact.Snapshot) {
			mangled(lb(s), with("-A INPUT -d 10.0.1.100/32 -j MARK --set-xmark 0x114/0xffffffff"))
		})
		c := vipFault(t, s, id, "-t mangle -D INPUT -d 10.0.1.100/32 -j MARK --set-xmark 0x114/0xffffffff")
		if want := "is web's"; !contains(c.Message, want) {
			t.Errorf("%q does not say %q", c.Message, want)
		}
	})
	t.Run("a leaked rule comes last", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			mangled(sbox(s), with("-A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x3e7/0xffffffff"))
		}), id, "-t mangle -D PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x3e7/0xffffffff")
	})
	t.Run("a leaked rule alone", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			mangled(sbox(s), without("--dport 8080"))
			mangled(sbox(s), with("-A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x3e7/0xffffffff"))
		}), id, "-t mangle -A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-mark 278")
	})
	t.Run("a leaked rule that comes first, or is for another port, harms nobody", func(t *testing.T) {
		s := meshAsked("26.1.5")
		mangled(sbox(s), first("-A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x3e7/0xffffffff"))
		mangled(sbox(s), with("-A PREROUTING -p udp -m udp --dport 8080 -j MARK --set-xmark 0x3e7/0xffffffff"))
		mangled(sbox(s), with("-A PREROUTING -p tcp -m tcp --dport 9090 -j MARK --set-xmark 0x3e7/0xffffffff"))
		if r := run(t, s); r.Verdict != check.VerdictOK {
			t.Errorf("%s: %s", r.Summary, ids(r.Causes))
		}
	})
	t.Run("a rule that nobody can judge", func(t *testing.T) {
		s := vipAsked("26.1.5")
		mangled(lb(s), with("-A INPUT -d 10.0.1.100/32 -j MARK --set-xmark 0x114/0xffffffff"))
		c := lb(s).Netfilter.Table(fact.Legacy, "ip", "mangle").Chain("INPUT")
		last := &c.Rules[len(c.Rules)-1]
		last.Matches = append(last.Matches, fact.Match{Kind: fact.MatchOpaque, Text: "statistic"})
		wantAnswer(t, run(t, s), id, check.Unknown)
	})
	vipUnknown(t, id, fact.KindRules, fact.KindIPVS, fact.KindLinks, fact.KindNetworks)
}
