package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestMACChangedByManager(t *testing.T) {
	id := "mac-changed-by-manager"
	link := func(s *fact.Snapshot, i int, task fact.TaskID) *fact.Link {
		return facttest.SandboxOf(s, i, task).LinkNamed("eth0")
	}
	mutations(t, []mutation{
		{name: "the client's own", mutate: func(s *fact.Snapshot) {
			link(s, 1, facttest.Web(1)).MAC = fact.MAC{2, 9, 9, 9, 9, 9}
			loseVXLAN(s, 1, 2)
			loseVXLAN(s, 1, 3)
		}, want: want{id: id, node: "n1", subject: string(facttest.Web(1)), certainty: check.Proof}, explain: 2},
		{name: "the target's, on another node", mutate: func(s *fact.Snapshot) {
			link(s, 2, facttest.Api(2)).MAC = fact.MAC{2, 9, 9, 9, 9, 9}
			loseVXLAN(s, 1, 2)
		}, want: want{id: id, node: "n2", subject: string(facttest.Api(2)), certainty: check.Proof}, explain: 1},
		{name: "to one that another has", mutate: func(s *fact.Snapshot) {
			link(s, 2, facttest.Api(2)).MAC = fact.OverlayMAC(facttest.WebIP(2))
			loseVXLAN(s, 1, 2)
		}, want: want{id: id, node: "n2", subject: string(facttest.Api(2))}, explain: 1},
		{name: "a container that asked for one", mutate: func(s *fact.Snapshot) {
			net := facttest.NodeOf(s, 1).Engine.Network(facttest.App)
			for i := range net.Endpoints {
				if net.Endpoints[i].Key == string(facttest.Container(facttest.Web(1))) {
					net.Endpoints[i].MAC = fact.MAC{2, 7, 7, 7, 7, 7}
				}
			}
			link(s, 1, facttest.Web(1)).MAC = fact.MAC{2, 7, 7, 7, 7, 7}
		}, check: id, answer: check.OK},
		{name: "the bridge's and the gateway's may be anything", mutate: func(s *fact.Snapshot) {
			facttest.Overlay(s, 1).LinkNamed("br0").MAC = fact.MAC{2, 7, 7, 7, 7, 7}
			facttest.SandboxOf(s, 1, facttest.Web(1)).LinkNamed("eth1").MAC = fact.MAC{2, 7, 7, 7, 7, 7}
		}, check: id, answer: check.OK},
		{name: "a task on its way out", mutate: func(s *fact.Snapshot) {
			link(s, 2, facttest.Api(2)).MAC = fact.MAC{2, 9, 9, 9, 9, 9}
			s.Wanted.Task(facttest.Api(2)).Desired = "shutdown"
		}, check: id, answer: check.OK},
		{name: "a node that nobody looked at", mutate: func(s *fact.Snapshot) { *s = *facttest.OneNode() }, check: id, answer: check.Unknown},
	})
}
