package check_test

import (
	"net/netip"
	"slices"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// dropNeigh deletes the engine's neighbour row for an address on node i.
func dropNeigh(s *fact.Snapshot, i int, ip netip.Addr) {
	ns := facttest.Overlay(s, i)
	ns.Neighbours = slices.DeleteFunc(ns.Neighbours, func(n fact.Neighbour) bool { return n.IP == ip })
}

func TestOverlayNeighMissing(t *testing.T) {
	ip := facttest.ApiIP(2)
	mutations(t, []mutation{
		{name: "row gone and no route to host", mutate: func(s *fact.Snapshot) {
			dropNeigh(s, 1, ip)
			facttest.Fail(s, 1, facttest.Api(2), fact.Unreachable)
		}, want: want{id: "overlay-neigh-missing", node: "n1", peer: "n2", subject: string(facttest.Api(2)), certainty: check.Proof}, explain: 1},
		{name: "what the kernel learned by itself is not the engine's row", mutate: func(s *fact.Snapshot) {
			dropNeigh(s, 1, ip)
			ns := facttest.Overlay(s, 1)
			ns.Neighbours = append(ns.Neighbours, fact.Neighbour{IP: ip, Link: 2, State: fact.Incomplete})
			facttest.Fail(s, 1, facttest.Api(2), fact.Unreachable)
		}, want: want{id: "overlay-neigh-missing", node: "n1", peer: "n2"}},
		{name: "neighbours of the overlay could not be read", mutate: func(s *fact.Snapshot) {
			s.Gaps = append(s.Gaps, fact.Gap{Node: "n1", NetNS: facttest.OverlayNS(), Kind: fact.KindNeighbours, Class: fact.ClassInterrupted, Reason: "torn"})
		}, check: "overlay-neigh-missing", answer: check.Unknown},
		{name: "the namespace is not there", mutate: func(s *fact.Snapshot) {
			k := facttest.NodeOf(s, 1).Kernel
			k.Namespaces = slices.DeleteFunc(k.Namespaces, func(n fact.NetNS) bool { return n.Role == fact.RoleOverlay })
		}, check: "overlay-neigh-missing", answer: check.Unknown},
		{name: "no endpoint here: absence is no evidence", mutate: func(s *fact.Snapshot) {
			dropNeigh(s, 1, ip)
			facttest.NodeOf(s, 1).Engine.Network(facttest.App).Instantiated = false
		}, check: "overlay-neigh-missing", answer: check.OK},
	})
}
