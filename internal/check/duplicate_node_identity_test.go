package check_test

import (
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestDuplicateNodeIdentity(t *testing.T) {
	id := "duplicate-node-identity"
	w := want{id: id, node: "n3", subject: "n3", certainty: check.Proof}
	nic := func(s *fact.Snapshot, i int) *fact.Link {
		return facttest.NodeOf(s, i).Kernel.Host().LinkNamed("eth0")
	}
	mutations(t, []mutation{
		{name: "one MAC address on one network", mutate: func(s *fact.Snapshot) { nic(s, 3).MAC = nic(s, 2).MAC }, want: w},
		{name: "a node has another's address", mutate: func(s *fact.Snapshot) {
			nic(s, 3).Addrs = append(nic(s, 3).Addrs, netip.PrefixFrom(facttest.VTEP(2), 24))
		}, want: w},
		{name: "the same, on loopback", mutate: func(s *fact.Snapshot) {
			lo := facttest.NodeOf(s, 3).Kernel.Host().LinkNamed("lo")
			lo.Addrs = append(lo.Addrs, netip.PrefixFrom(facttest.VTEP(2), 32))
		}, want: w},
		{name: "this node has it, and nobody looked at the other", mutate: oneSeen(func(s *fact.Snapshot) {
			lo := facttest.NodeOf(s, 1).Kernel.Host().LinkNamed("lo")
			lo.Addrs = append(lo.Addrs, netip.PrefixFrom(facttest.VTEP(2), 32))
			facttest.Fail(s, 1, facttest.Api(2), fact.Timeout)
		}), want: want{id: id, node: "n1", certainty: check.Proof}, explain: 1},
		{name: "the managers see others at the address of their gateway, a node", mutate: func(s *fact.Snapshot) {
			s.Wanted.Node(facttest.Node(3)).Addr = facttest.VTEP(1)
		}, check: id, answer: check.OK},
		{name: "one engine ID: a clone that does no harm yet", mutate: func(s *fact.Snapshot) {
			facttest.NodeOf(s, 3).Engine.ID = facttest.NodeOf(s, 2).Engine.ID
		}, want: want{id: id, node: "n3", certainty: check.Hint}},
		{name: "gossip counts two engines at one address", mutate: twice(func(s *fact.Snapshot) {
			net := facttest.NodeOf(s, 1).Engine.Network(facttest.App)
			net.Peers = append(net.Peers, fact.Peer{Name: "cafecafecafe", IP: facttest.VTEP(3)})
		}), want: want{id: id, node: "n3", certainty: check.Strong}},
		{name: "for a moment, after a restart", mutate: func(s *fact.Snapshot) {
			net := facttest.NodeOf(s, 1).Engine.Network(facttest.App)
			net.Peers = append(net.Peers, fact.Peer{Name: "cafecafecafe", IP: facttest.VTEP(3)})
		}, check: id, answer: check.Unknown},
		{name: "one MAC address on networks of their own", mutate: func(s *fact.Snapshot) {
			nic(s, 3).MAC = nic(s, 2).MAC
			nic(s, 3).Addrs[0] = netip.PrefixFrom(facttest.VTEP(3), 32)
		}, check: id, answer: check.OK},
		{name: "bridges that are the same everywhere", mutate: func(s *fact.Snapshot) {
			for i := 1; i <= 3; i++ {
				h := facttest.NodeOf(s, i).Kernel.Host()
				h.Links = append(h.Links, fact.Link{Index: 9, Name: "virbr0", Kind: "bridge", MAC: fact.MAC{2}, Up: true, Carrier: true, Addrs: []netip.Prefix{netip.MustParsePrefix("192.168.122.1/24")}})
			}
		}, check: id, answer: check.OK},
	})
}
