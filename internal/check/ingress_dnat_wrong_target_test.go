package check_test

import (
	"strings"
	"testing"

	"fairway/internal/fact"
)

func TestIngressDNATWrongTarget(t *testing.T) {
	t.Run("wrong target", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			saved(s, 2, func(text string) string { return strings.ReplaceAll(text, "172.18.0.9:8080", "172.18.0.77:8080") }, "nat")
		}), "ingress-dnat-wrong-target", "-t nat -R DOCKER-INGRESS 1")
	})
	t.Run("unread", func(t *testing.T) {
		portUnknown(t, withoutRules(), "ingress-dnat-wrong-target", "operation not permitted")
	})
}
