package check_test

import (
	"testing"

	"fairway/internal/fact"
)

func TestIngressPortRuleMissing(t *testing.T) {
	t.Run("port gone", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) { saved(s, 2, without("-j DNAT"), "nat") }), "ingress-port-rule-missing", "-t nat -I DOCKER-INGRESS -p tcp -m tcp --dport 8080")
	})
	t.Run("accept gone", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) { saved(s, 2, without("--dport 8080 -j ACCEPT"), "filter"); strict(s, 2) }), "ingress-port-rule-missing", "--dport 8080 -j ACCEPT")
	})
	t.Run("unread", func(t *testing.T) {
		portUnknown(t, withoutRules(), "ingress-port-rule-missing", "operation not permitted")
	})
}
