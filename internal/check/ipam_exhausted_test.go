package check_test

import (
	"net/netip"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// tiny gives the overlay a subnet of so many bits: /28 has room for 13.
func tiny(s *fact.Snapshot, bits int) {
	p := netip.PrefixFrom(netip.MustParseAddr("10.0.1.16"), bits)
	s.Wanted.Network(facttest.App).Subnets[0].Prefix = p
}

// starting adds a task of api that waits, with or without an address.
func starting(s *fact.Snapshot, state string, addressed bool) {
	t := *s.Wanted.Task(facttest.Api(3))
	t.ID, t.Slot, t.State, t.Node, t.Container, t.Addresses = goneTask, 4, state, "", "", nil
	t.StateSince, t.Updated, t.Created = facttest.Taken.Add(-20*time.Second), facttest.Taken.Add(-20*time.Second), facttest.Taken.Add(-20*time.Second)
	if addressed {
		t.Addresses = []fact.TaskAddress{{Network: facttest.App, Addr: netip.PrefixFrom(ghost, 24)}}
	}
	s.Wanted.Tasks = append(s.Wanted.Tasks, t)
}

func TestIPAMExhausted(t *testing.T) {
	id := "ipam-exhausted"
	// Six tasks and three nodes need nine: a /28 has 13, a /29 five.
	w := want{id: id, subject: "app", certainty: check.Strong}
	rejected := func(s *fact.Snapshot) {
		tiny(s, 29)
		past(s, 3, 1, 60*time.Second, "rejected", "node is missing network attachments, ip addresses may be exhausted")
		past(s, 3, 2, 30*time.Second, "rejected", "node is missing network attachments, ip addresses may be exhausted")
		now(s, 3, 5*time.Second, "running", "preparing", "")
	}
	mutations(t, []mutation{
		{name: "a task stays new", mutate: twice(func(s *fact.Snapshot) { tiny(s, 29); starting(s, "new", false) }), want: w},
		{name: "tasks are rejected again and again: they follow", mutate: rejected, want: want{id: id, subject: "app", certainty: check.Proof}, explain: 1},
		{name: "full to the last address", mutate: twice(func(s *fact.Snapshot) {
			tiny(s, 28)
			for i := range 4 {
				s.Wanted.Services[0].VIPs = append(s.Wanted.Services[0].VIPs, fact.VIP{Network: facttest.App, Addr: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(40 + i)}), 24)})
			}
			starting(s, "new", false)
		}), want: w},
		{name: "room is left: it only starts", mutate: func(s *fact.Snapshot) { tiny(s, 28); starting(s, "new", false) }, check: id, answer: check.OK},
		{name: "full, and nobody waits", mutate: func(s *fact.Snapshot) { tiny(s, 29) }, check: id, answer: check.OK},
	})
}
