package nft

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fairway/internal/collect/ipt"
	"fairway/internal/fact"
	"fairway/internal/netns"
)

// TestSameAsLegacy loads one file through both backends of iptables. What
// nf_tables holds must read as what the legacy tables hold.
func TestSameAsLegacy(t *testing.T) {
	for _, v := range []struct{ file, command string }{
		{"iptables4.rules", "iptables"}, {"iptables6.rules", "ip6tables"},
	} {
		t.Run(v.command, func(t *testing.T) {
			inOwnNamespace(t, v.command+"-legacy-restore", v.command+"-nft-restore")
			rules := available(t, v.file, v.command)
			run(t, rules, v.command+"-legacy-restore", "-c")
			run(t, rules, v.command+"-nft-restore", "-c")
			at, err := netns.Self()
			if err != nil {
				t.Fatal(err)
			}
			defer at.Close()
			legacy, err := ipt.Read(at)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, legacy, here(t).Tables)
		})
	}
}

func compare(t *testing.T, legacy, tables []fact.RuleTable) {
	t.Helper()
	nf := fact.Netfilter{Tables: tables}
	rules := 0
	for _, want := range legacy {
		got := nf.Table(fact.NFTables, want.Family, want.Name)
		for _, c := range want.Chains {
			rules += len(c.Rules)
			diff := cmp.Diff(&c, got.Chain(c.Name), cmpopts.IgnoreFields(fact.Rule{}, "Handle"),
				cmp.Comparer(func(a, b interface{ String() string }) bool { return a.String() == b.String() }), cmpopts.EquateEmpty())
			if diff != "" {
				t.Errorf("%s %s %s: legacy -, nf_tables +:\n%s", want.Family, want.Name, c.Name, diff)
			}
		}
	}
	t.Logf("%d rules", rules)
}
