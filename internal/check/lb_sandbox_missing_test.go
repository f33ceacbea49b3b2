package check_test

import (
	"slices"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// unbalanced takes node i's lb_ namespace away.
func unbalanced(s *fact.Snapshot, i int) {
	k := facttest.NodeOf(s, i).Kernel
	k.Namespaces = slices.DeleteFunc(k.Namespaces, func(n fact.NetNS) bool { return n.Role == fact.RoleLB })
}

func TestLBSandboxMissing(t *testing.T) {
	const id = "lb-sandbox-missing"
	t.Run("no namespace", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Unreachable, func(s *fact.Snapshot) { unbalanced(s, 2) }), id, "there is none")
	})
	t.Run("nor an endpoint", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Unreachable, func(s *fact.Snapshot) {
			unbalanced(s, 2)
			net := facttest.NodeOf(s, 2).Engine.Network(facttest.App)
			net.Endpoints = slices.DeleteFunc(net.Endpoints, func(e fact.Endpoint) bool { return e.Key == "lb-app" })
		}), id, "no endpoint lb-app")
	})
	t.Run("engines before 18.09 have none", func(t *testing.T) {
		s := vipAsked("26.1.5")
		unbalanced(s, 2)
		facttest.NodeOf(s, 2).Engine.Version = "18.03.1-ce"
		wantAnswer(t, run(t, s), id, check.OK)
	})
	t.Run("services without a virtual IP need none", func(t *testing.T) {
		s := facttest.Healthy()
		unbalanced(s, 2)
		wantAnswer(t, run(t, s), id, check.OK)
	})
	vipUnknown(t, id, fact.KindKernel, fact.KindNetworks)
}
