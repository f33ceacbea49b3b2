package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// loseVXLAN makes every probe over the overlay from node i to node k time out.
func loseVXLAN(s *fact.Snapshot, i, k int) {
	facttest.Fail(s, i, facttest.Api(k), fact.Timeout)
	for n := range s.Seen.MTU {
		if p := &s.Seen.MTU[n]; p.From == facttest.Source(i) && p.To == facttest.Api(k) {
			p.Passed, p.Failed = 0, 64
		}
	}
}

func TestUnderlayVXLANBlocked(t *testing.T) {
	id := "underlay-vxlan-udp-blocked"
	mutations(t, []mutation{
		{name: "one pair", mutate: func(s *fact.Snapshot) { loseVXLAN(s, 1, 3) },
			want: want{id: id, node: "n1", peer: "n3", subject: "n3", certainty: check.Strong}, explain: 1},
		{name: "a whole row: this node's firewall", mutate: func(s *fact.Snapshot) {
			loseVXLAN(s, 1, 2)
			loseVXLAN(s, 1, 3)
		}, want: want{id: id, node: "n1", subject: "n1", certainty: check.Strong}, explain: 2},
		{name: "a whole column: that node's firewall", mutate: func(s *fact.Snapshot) {
			loseVXLAN(s, 1, 3)
			loseVXLAN(s, 2, 3)
		}, want: want{id: id, node: "n3", subject: "n3"}},
		{name: "both ways, told once", mutate: func(s *fact.Snapshot) {
			loseVXLAN(s, 1, 3)
			loseVXLAN(s, 3, 1)
		}, want: want{id: id, node: "n1", peer: "n3"}},
		{name: "dropped on the way out", mutate: func(s *fact.Snapshot) {
			loseVXLAN(s, 1, 2)
			loseVXLAN(s, 1, 3)
			ns := facttest.Overlay(s, 1)
			c := ns.Counter("vxlan0", "tx_packets")
			d := ns.Counter("vxlan0", "tx_dropped")
			c.After, d.After = c.Before, d.Before+12
		}, want: want{id: id, node: "n1"}},
		{name: "an echo came back: the task itself is silent", mutate: func(s *fact.Snapshot) {
			facttest.Fail(s, 1, facttest.Api(3), fact.Timeout)
		}, check: id, answer: check.OK},
		{name: "nothing was sent", mutate: func(s *fact.Snapshot) {
			loseVXLAN(s, 1, 3)
			c := facttest.Overlay(s, 1).Counter("vxlan0", "tx_packets")
			c.After = c.Before
		}, check: id, answer: check.OK},
		{name: "the packet never left the container", mutate: func(s *fact.Snapshot) {
			loseVXLAN(s, 1, 3)
			for i := range s.Seen.TCP {
				s.Seen.TCP[i].Unsent = s.Seen.TCP[i].Outcome == fact.Timeout
			}
		}, check: id, answer: check.OK},
		{name: "the rows explain it", mutate: func(s *fact.Snapshot) {
			loseVXLAN(s, 1, 3)
			dropFDB(s, 1, fact.OverlayMAC(facttest.ApiIP(3)))
		}, want: want{id: "fdb-missing", node: "n1", peer: "n3"}, check: id, answer: check.OK},
		{name: "counters were read once", mutate: func(s *fact.Snapshot) {
			loseVXLAN(s, 1, 3)
			facttest.Overlay(s, 1).Counter("vxlan0", "tx_packets").Twice = false
		}, check: id, answer: check.Unknown},
	})
}
