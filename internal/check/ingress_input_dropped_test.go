package check_test

import (
	"testing"

	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestIngressInputDropped(t *testing.T) {
	t.Run("raw drops", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			h := facttest.NodeOf(s, 2).Kernel.Host()
			h.Netfilter.Tables = append(h.Netfilter.Tables, facttest.Saved(fact.Legacy, "ip", "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 8080 -j DROP\nCOMMIT\n")...)
		}), "ingress-input-dropped", "-t raw -I PREROUTING 1 -p tcp --dport 8080 -j ACCEPT")
	})
	t.Run("nft table of its own", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			h := facttest.NodeOf(s, 2).Kernel.Host()
			h.Netfilter.Tables = append(h.Netfilter.Tables, fact.RuleTable{Backend: fact.NFTables, Family: "inet", Name: "mine",
				Chains: []fact.Chain{{Name: "fwd", Hook: "forward", Type: "filter", Policy: "drop"}}})
		}), "ingress-input-dropped", "nft add rule inet mine fwd tcp dport 8080 accept")
	})
	t.Run("unread", func(t *testing.T) { portUnknown(t, withoutRules(), "ingress-input-dropped", "operation not permitted") })
}
