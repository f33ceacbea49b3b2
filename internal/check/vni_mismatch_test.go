package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestVNIMismatch(t *testing.T) {
	id := "vni-mismatch"
	vxlan := func(s *fact.Snapshot, i int) *fact.VXLAN { return facttest.Overlay(s, i).LinkNamed("vxlan0").VXLAN }
	told := func(s *fact.Snapshot) {
		facttest.NodeOf(s, 2).Engine.Network(facttest.App).VNIs = []uint32{4100}
		vxlan(s, 2).ID = 4100
	}
	mutations(t, []mutation{
		{name: "a link of before on one node", mutate: func(s *fact.Snapshot) {
			vxlan(s, 1).ID = 4100
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: "vxlan0", certainty: check.Proof}, explain: 2},
		{name: "on another node", mutate: func(s *fact.Snapshot) {
			vxlan(s, 3).ID = 4100
			loseVXLAN(s, 1, 3)
		}, want: want{id: id, node: "n3", subject: "vxlan0", certainty: check.Proof}},
		{name: "an engine was told another number", mutate: func(s *fact.Snapshot) {
			told(s)
		}, want: want{id: id, node: "n2", subject: "app", certainty: check.Proof}},
		{name: "two subnets, two numbers", mutate: func(s *fact.Snapshot) {
			for i := 1; i <= 3; i++ {
				facttest.NodeOf(s, i).Engine.Network(facttest.App).VNIs = []uint32{4097, 4098}
				ns := facttest.Overlay(s, i)
				second := *ns.LinkNamed("vxlan0")
				second.Index, second.Name, second.VXLAN = 30, "vxlan1", &fact.VXLAN{ID: 4098, Port: 4789, MadeElsewhere: true}
				ns.Links = append(ns.Links, second)
			}
			s.Wanted.Networks[0].VNIs = []uint32{4097, 4098}
		}, check: id, answer: check.OK},
		{name: "a network whose number nobody tells", mutate: func(s *fact.Snapshot) {
			s.Wanted.Networks[0].VNIs = nil
		}, check: id, answer: check.Unknown},
		{name: "a node that nobody looked at", mutate: func(s *fact.Snapshot) { *s = *facttest.OneNode() }, check: id, answer: check.Unknown},
	})

	s := facttest.Healthy()
	s.Earlier = facttest.Healthy()
	for _, look := range []*fact.Snapshot{s, s.Earlier} {
		told(look)
		facttest.MissAll(look, fact.KindSwarm)
	}
	wantCause(t, run(t, s), want{id: id, node: "n2", subject: string(facttest.App)}) // the most engines say so
}
