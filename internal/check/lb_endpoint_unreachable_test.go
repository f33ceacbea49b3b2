package check_test

import (
	"testing"

	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestLBEndpointUnreachable(t *testing.T) {
	const id = "lb-endpoint-unreachable"
	inner := func(s *fact.Snapshot) *fact.Link { return facttest.Balancer(s, 2).LinkNamed("eth0") }
	outer := func(s *fact.Snapshot) *fact.Link { return facttest.Overlay(s, 2).Link(inner(s).PeerIndex) }
	t.Run("its interface down", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Unreachable, func(s *fact.Snapshot) {
			inner(s).Up, inner(s).Carrier, outer(s).Carrier = false, false, false
		}), id, "ip link set eth0 up")
	})
	t.Run("the other end down", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Unreachable, func(s *fact.Snapshot) {
			outer(s).Up, outer(s).Carrier, inner(s).Carrier = false, false, false
		}), id, "up")
	})
	t.Run("out of the bridge", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Unreachable, func(s *fact.Snapshot) { outer(s).Master = 0 }), id, "master br0")
	})
	t.Run("no address", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Unreachable, func(s *fact.Snapshot) { inner(s).Addrs = inner(s).Addrs[1:] }), id, "ip addr add 10.0.1.4/24 dev eth0")
	})
	t.Run("of the ingress sandbox", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			facttest.NodeOf(s, 2).Kernel.Overlays(facttest.Ingress)[0].Link(15).Master = 0
		}), id, "master br0")
	})
	t.Run("the ingress sandbox's own interface is another check's", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) { facttest.IngressSandbox(s, 2).LinkNamed("eth0").Up = false }), "ingress-sbox-missing", "up")
	})
	vipUnknown(t, id, fact.KindLinks, fact.KindNetworks)
}
