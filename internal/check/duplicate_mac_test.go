package check_test

import (
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// guest is a standalone container on node i with a MAC address of its own
// choice, as the engines of all seen nodes tell of it.
func guest(s *fact.Snapshot, i int, ip netip.Addr, mac fact.MAC) {
	key := fact.ContainerID("guest000000000000000000000000000000000000000000000000000000000000")
	for k := 1; k <= 3; k++ {
		n := facttest.NodeOf(s, k)
		if n == nil {
			continue
		}
		net := n.Engine.Network(facttest.App)
		net.Services = append(net.Services, fact.BelievedService{Tasks: []fact.BelievedTask{{Name: "guest", Endpoint: "eguest", IP: ip, HostIP: facttest.VTEP(i)}}})
		if k != i {
			ns := facttest.Overlay(s, k)
			ns.Neighbours = append(ns.Neighbours, fact.Neighbour{IP: ip, MAC: mac, Link: 10, State: fact.Permanent})
			ns.FDB = append(ns.FDB, fact.FDBEntry{MAC: mac, Link: 10, Dst: facttest.VTEP(i), Self: true, Permanent: true})
			continue
		}
		net.Endpoints = append(net.Endpoints, fact.Endpoint{Key: string(key), Name: "guest", ID: "eguest", MAC: mac, Addr: netip.PrefixFrom(ip, 24)})
		n.Kernel.Namespaces = append(n.Kernel.Namespaces, fact.NetNS{Name: "0123456789ab", Role: fact.RoleContainer, Inode: 888, Containers: []fact.ContainerID{key},
			Links: []fact.Link{{Index: 60, Name: "eth0", Kind: "veth", MAC: mac, MTU: 1450, Up: true, Carrier: true, PeerIndex: 61, Addrs: []netip.Prefix{netip.PrefixFrom(ip, 24)}}}})
		ns := facttest.Overlay(s, i)
		ns.Links = append(ns.Links, fact.Link{Index: 61, Name: "veth9", Kind: "veth", MTU: 1450, Up: true, Carrier: true, Master: 2, PeerIndex: 60})
	}
}

func TestDuplicateMAC(t *testing.T) {
	id := "duplicate-mac"
	ip, mac := netip.MustParseAddr("10.0.1.99"), fact.OverlayMAC(facttest.ApiIP(2))
	mutations(t, []mutation{
		{name: "a container asked for the MAC of a task elsewhere", mutate: func(s *fact.Snapshot) {
			guest(s, 1, ip, mac)
			loseVXLAN(s, 1, 2)
		}, want: want{id: id, node: "n1", peer: "n2", subject: "guest", certainty: check.Proof}, explain: 1},
		{name: "and a third node was told of it last", mutate: func(s *fact.Snapshot) {
			guest(s, 1, ip, mac)
			pointFDB(s, 3, mac, facttest.VTEP(1))
			loseVXLAN(s, 3, 2)
		}, want: want{id: id, node: "n1", peer: "n2", subject: "guest"}, explain: 1},
		{name: "on the same node", mutate: func(s *fact.Snapshot) {
			guest(s, 2, ip, mac)
			facttest.Fail(s, 1, facttest.Api(2), fact.Timeout)
		}, want: want{id: id, node: "n2", subject: "guest"}},
		{name: "the container is on a node that nobody looked at", mutate: oneSeen(func(s *fact.Snapshot) {
			guest(s, 2, ip, fact.OverlayMAC(facttest.WebIP(1)))
			loseVXLAN(s, 1, 2)
		}), want: want{id: id, node: "n2", peer: "n1", subject: "guest"}},
		{name: "a MAC of its own is anybody's right", mutate: func(s *fact.Snapshot) { guest(s, 1, ip, fact.MAC{2, 0x42, 9, 9, 9, 9}) }, check: id, answer: check.OK},
		{name: "without a failed probe it wants a second look", mutate: func(s *fact.Snapshot) { guest(s, 1, ip, mac) }, check: id, answer: check.Unknown},
		{name: "a node that nobody looked at", mutate: func(s *fact.Snapshot) { *s = *facttest.OneNode() }, check: id, answer: check.Unknown},
	})
}
