package check_test

import (
	"net/netip"
	"slices"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// handle adds a namespace to node i.
func handle(s *fact.Snapshot, i int, name string, role fact.NSRole, net fact.NetworkID) *fact.NetNS {
	k := facttest.NodeOf(s, i).Kernel
	k.Namespaces = append(k.Namespaces, fact.NetNS{Name: name, Role: role, Network: net, Inode: 990,
		Links: []fact.Link{{Index: 1, Name: "lo", Up: true, Carrier: true}}})
	return &k.Namespaces[len(k.Namespaces)-1]
}

// move takes the vxlan link, and the rows on it, to another namespace.
func move(s *fact.Snapshot, i int) {
	ns := handle(s, i, "2-"+string(facttest.App[:10]), fact.RoleOverlay, facttest.App)
	old := facttest.Overlay(s, i)
	ns.Links = append(ns.Links, *old.LinkNamed("vxlan0"))
	old.Links = slices.DeleteFunc(old.Links, func(l fact.Link) bool { return l.VXLAN != nil })
	old.Neighbours, old.FDB = nil, nil
}

func TestStaleOverlayNetns(t *testing.T) {
	id := "stale-overlay-netns"
	gone := "9-goneandone"
	mutations(t, []mutation{
		{name: "two namespaces: rows and traffic apart", mutate: func(s *fact.Snapshot) {
			move(s, 1)
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: "app", certainty: check.Proof}, explain: 3},
		{name: "on another node", mutate: func(s *fact.Snapshot) {
			move(s, 2)
			facttest.Fail(s, 2, facttest.Api(1), fact.Timeout)
		}, want: want{id: id, node: "n2", subject: "app", certainty: check.Proof}},
		{name: "an empty second one is a hint", mutate: func(s *fact.Snapshot) {
			handle(s, 1, "2-"+string(facttest.App[:10]), fact.RoleOverlay, facttest.App)
		}, want: want{id: id, node: "n1", subject: "app", certainty: check.Hint}},
		{name: "and it takes the number of one that is", mutate: func(s *fact.Snapshot) {
			withIdle(s)
			stray(handle(s, 1, gone, fact.RoleOther, ""), "vxlan0", 4105, true)
			s.Earlier = facttest.Healthy()
			withIdle(s.Earlier)
			stray(handle(s.Earlier, 1, gone, fact.RoleOther, ""), "vxlan0", 4105, true)
		}, check: id, answer: check.Failed, want: want{}},
		{name: "a network not in use, left over", mutate: func(s *fact.Snapshot) {
			withIdle(s)
			stray(handle(s, 1, "1-netidle000", fact.RoleOverlay, idle), "vxlan0", 4105, true)
		}, check: id, answer: check.Failed, want: want{}},
		{name: "somebody is on the way in", mutate: func(s *fact.Snapshot) {
			withIdle(s)
			stray(handle(s, 1, "1-netidle000", fact.RoleOverlay, idle), "vxlan0", 4105, true)
			s.Wanted.Tasks = append(s.Wanted.Tasks, fact.Task{ID: "attachment", Node: facttest.Node(1), Desired: "running", State: "starting",
				Addresses: []fact.TaskAddress{{Network: idle, Addr: netip.MustParsePrefix("10.0.2.5/24")}}})
		}, check: id, answer: check.OK},
		{name: "an empty one of a network that is no more does no harm", mutate: func(s *fact.Snapshot) {
			handle(s, 1, gone, fact.RoleOther, "")
		}, check: id, answer: check.OK},
		{name: "not an overlay's", mutate: func(s *fact.Snapshot) {
			stray(handle(s, 1, "a1b2c3d4e5f6", fact.RoleOther, ""), "vxlan0", 4222, true)
		}, check: id, answer: check.OK},
	})

	// Nobody but the managers can say that it is of no use, so without them it is unknown.
	s := facttest.Healthy()
	stray(handle(s, 1, gone, fact.RoleOther, ""), "vxlan0", 4222, true)
	wantCause(t, run(t, s), want{id: id, node: "n1", subject: "goneandone", certainty: check.Hint})
	facttest.MissAll(s, fact.KindSwarm)
	wantAnswer(t, run(t, s), id, check.Unknown)
}
