package check_test

import (
	"slices"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func unsettled(ns *fact.NetNS) {
	for i := range ns.Sysctls {
		if ns.Sysctls[i].Key == "net.ipv4.vs.conntrack" {
			ns.Sysctls[i].Value = "0"
		}
	}
}

func TestIPVSSNATMissing(t *testing.T) {
	const id = "ipvs-snat-or-vs-conntrack-missing"
	lb := func(s *fact.Snapshot) *fact.NetNS { return facttest.Balancer(s, 2) }
	sbox := func(s *fact.Snapshot) *fact.NetNS { return facttest.IngressSandbox(s, 2) }
	t.Run("no rule", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Timeout, func(s *fact.Snapshot) { rewritten(lb(s), "nat", without("--ipvs")) }), id,
			"-t nat -I POSTROUTING -d 10.0.1.0/24 -m ipvs --ipvs -j SNAT --to-source 10.0.1.4")
	})
	t.Run("a rule with another address", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Timeout, func(s *fact.Snapshot) {
			rewritten(lb(s), "nat", first("-A POSTROUTING -d 10.0.1.0/24 -j SNAT --to-source 192.0.2.1"))
		}), id, "192.0.2.1")
	})
	t.Run("no conntrack", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Timeout, func(s *fact.Snapshot) { unsettled(lb(s)) }), id, "sysctl -w net.ipv4.vs.conntrack=1")
	})
	t.Run("of published ports", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) { rewritten(sbox(s), "nat", without("--ipvs")) }), id, "--to-source 10.0.0.4")
		portFault(t, onNode2(func(s *fact.Snapshot) { unsettled(sbox(s)) }), id, "sysctl -w net.ipv4.vs.conntrack=1")
	})
	t.Run("backends that answer by themselves need neither", func(t *testing.T) {
		s := vipAsked("26.1.5")
		facttest.DSR(s)
		if r := run(t, s); r.Verdict != check.VerdictOK {
			t.Errorf("%s: %s", r.Summary, ids(r.Causes))
		}
	})
	t.Run("a setting that was not read", func(t *testing.T) {
		s := vipAsked("26.1.5")
		lb(s).Sysctls = slices.DeleteFunc(lb(s).Sysctls, func(c fact.Sysctl) bool { return c.Key == "net.ipv4.vs.conntrack" })
		wantAnswer(t, run(t, s), id, check.Unknown)
	})
	vipUnknown(t, id, fact.KindRules, fact.KindIPVS, fact.KindLinks, fact.KindSysctls, fact.KindNetworks)
}
