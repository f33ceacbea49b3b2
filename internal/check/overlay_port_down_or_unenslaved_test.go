package check_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// failFrom gives every probe from node i to another node this outcome.
func failFrom(s *fact.Snapshot, i int, o fact.Outcome) {
	for k := 1; k <= 3; k++ {
		if k != i {
			facttest.Fail(s, i, facttest.Api(k), o)
		}
	}
}

func TestOverlayPortDown(t *testing.T) {
	id := "overlay-port-down-or-unenslaved"
	vxlan := func(s *fact.Snapshot) *fact.Link { return facttest.Overlay(s, 1).LinkNamed("vxlan0") }
	eth := func(s *fact.Snapshot) *fact.Link { return facttest.SandboxOf(s, 1, facttest.Web(1)).LinkNamed("eth0") }
	veth := func(s *fact.Snapshot) *fact.Link { return facttest.Overlay(s, 1).Link(eth(s).PeerIndex) }
	mutations(t, []mutation{
		{name: "vxlan link down, which empties its neighbour table", mutate: func(s *fact.Snapshot) {
			vxlan(s).Up, vxlan(s).Carrier = false, false
			facttest.Overlay(s, 1).Neighbours = nil
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: "vxlan0", certainty: check.Proof}, explain: 2},
		{name: "vxlan link out of the bridge", mutate: func(s *fact.Snapshot) {
			vxlan(s).Master = 0
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: "vxlan0", certainty: check.Proof}},
		{name: "vxlan link gone", mutate: func(s *fact.Snapshot) {
			ns := facttest.Overlay(s, 1)
			ns.Links = slices.DeleteFunc(ns.Links, func(l fact.Link) bool { return l.VXLAN != nil })
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: "vxlan0"}},
		{name: "bridge down", mutate: func(s *fact.Snapshot) {
			facttest.Overlay(s, 1).LinkNamed("br0").Up = false
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: "br0"}},
		{name: "bridge gone", mutate: func(s *fact.Snapshot) {
			ns := facttest.Overlay(s, 1)
			ns.Links = slices.DeleteFunc(ns.Links, func(l fact.Link) bool { return l.Kind == "bridge" })
			for i := range ns.Links {
				ns.Links[i].Master = 0
			}
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: "br0"}},
		{name: "bridge without the gateway's address", mutate: func(s *fact.Snapshot) {
			facttest.Overlay(s, 1).LinkNamed("br0").Addrs = nil
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: "br0"}},
		{name: "a task's port down", mutate: func(s *fact.Snapshot) {
			veth(s).Up, veth(s).Carrier, eth(s).Carrier = false, false, false
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: string(facttest.Web(1)), certainty: check.Proof}},
		{name: "a task's port out of the bridge", mutate: func(s *fact.Snapshot) {
			veth(s).Master = 0
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: string(facttest.Web(1))}},
		{name: "a task's own interface down", mutate: func(s *fact.Snapshot) {
			eth(s).Up, eth(s).Carrier, veth(s).Carrier = false, false, false
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: string(facttest.Web(1))}},
		{name: "a task's interface lost its address", mutate: func(s *fact.Snapshot) {
			eth(s).Addrs = nil
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: string(facttest.Web(1))}},
		{name: "the sandbox was not seen", mutate: func(s *fact.Snapshot) {
			k := facttest.NodeOf(s, 1).Kernel
			k.Namespaces = slices.DeleteFunc(k.Namespaces, func(n fact.NetNS) bool { return n.Name == facttest.Sandbox(facttest.Api(1)) })
		}, check: id, answer: check.Unknown},
		{name: "a task that starts has half a port", mutate: func(s *fact.Snapshot) {
			t := s.Wanted.Task(facttest.Web(1))
			t.State, t.StateSince = "starting", facttest.Taken
			eth(s).Addrs = nil
		}, check: id, answer: check.OK},
	})
}

func TestOverlayPortReliefWritesRowsAgain(t *testing.T) {
	s := facttest.Healthy()
	ns := facttest.Overlay(s, 1)
	l := ns.LinkNamed("vxlan0")
	l.Up, l.Carrier, ns.Neighbours = false, false, nil
	failFrom(s, 1, fact.Timeout)
	relief := run(t, s).Causes[0].Relief
	for _, part := range []string{"ip link set vxlan0 up", "ip neigh replace " + facttest.ApiIP(2).String(), "ip neigh replace " + facttest.WebIP(3).String()} {
		if !strings.Contains(relief, part) {
			t.Errorf("relief lacks %q:\n%s", part, relief)
		}
	}
}
