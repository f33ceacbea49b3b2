package check_test

import (
	"testing"

	"fairway/internal/fact"
)

func TestIngressChainMissing(t *testing.T) {
	t.Run("chain flushed", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) { saved(s, 2, without("-A DOCKER-INGRESS"), "nat") }), "ingress-chain-missing", "--to-destination 172.18.0.9:8080")
	})
	t.Run("jump gone", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			saved(s, 2, without("-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS"), "nat")
		}), "ingress-chain-missing", "-I PREROUTING")
	})
	t.Run("forward jump gone", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) { saved(s, 2, without("-A FORWARD -j DOCKER-INGRESS"), "filter"); strict(s, 2) }), "ingress-chain-missing", "-I FORWARD")
	})
	t.Run("unread", func(t *testing.T) { portUnknown(t, withoutRules(), "ingress-chain-missing", "operation not permitted") })
}
