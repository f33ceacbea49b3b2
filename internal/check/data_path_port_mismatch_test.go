package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestDataPathPortMismatch(t *testing.T) {
	id := "data-path-port-mismatch"
	mutations(t, []mutation{
		{name: "an old link on one node", mutate: func(s *fact.Snapshot) {
			facttest.Overlay(s, 1).LinkNamed("vxlan0").VXLAN.Port = 8472
			failFrom(s, 1, fact.Timeout)
		}, want: want{id: id, node: "n1", subject: "vxlan0", certainty: check.Proof}, explain: 2},
		{name: "another port was chosen and is used", mutate: func(s *fact.Snapshot) {
			s.Wanted.DataPathPort = 7777
			for i := 1; i <= 3; i++ {
				facttest.Overlay(s, i).LinkNamed("vxlan0").VXLAN.Port = 7777
			}
		}, check: id, answer: check.OK},
		{name: "another port was chosen, one node uses the usual one", mutate: func(s *fact.Snapshot) {
			s.Wanted.DataPathPort = 7777
			for i := 2; i <= 3; i++ {
				facttest.Overlay(s, i).LinkNamed("vxlan0").VXLAN.Port = 7777
			}
		}, want: want{id: id, node: "n1"}},
		{name: "without the managers nobody says which port", mutate: func(s *fact.Snapshot) { facttest.MissAll(s, fact.KindSwarm) },
			check: id, answer: check.Unknown},
	})
}
