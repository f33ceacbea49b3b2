package check_test

import (
	"net/netip"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// narrow makes the ladder from node i to node k end at this size.
func narrow(s *fact.Snapshot, i, k, passed int) {
	for n := range s.Seen.MTU {
		if p := &s.Seen.MTU[n]; p.From == facttest.Source(i) && p.To == facttest.Api(k) {
			p.Passed, p.Failed = passed, passed+1
		}
	}
}

func TestUnderlayMTUBlackhole(t *testing.T) {
	id := "underlay-mtu-blackhole"
	mutations(t, []mutation{
		{name: "one path", mutate: func(s *fact.Snapshot) { narrow(s, 1, 3, 1410) },
			want: want{id: id, node: "n1", peer: "n3", subject: "n3", certainty: check.Strong}},
		{name: "every path of a node", mutate: func(s *fact.Snapshot) { ladder(s, 1, 1410) },
			want: want{id: id, node: "n1", subject: "n1", certainty: check.Strong}},
		{name: "no echo at all says nothing", mutate: func(s *fact.Snapshot) {
			for i := range s.Seen.MTU {
				s.Seen.MTU[i].Passed, s.Seen.MTU[i].Failed = 0, 64
			}
		}, check: id, answer: check.Unknown},
		{name: "no ladder was climbed", mutate: func(s *fact.Snapshot) { s.Seen.MTU = nil }, check: id, answer: check.Unknown},
		{name: "more than the interface allows may fail", mutate: func(s *fact.Snapshot) { ladder(s, 1, 1450) },
			check: id, answer: check.OK},
	})
}

func TestUnderlayMTUBlackholeNamesTheOwnInterface(t *testing.T) {
	s := facttest.Healthy()
	facttest.NodeOf(s, 1).Kernel.Host().LinkNamed("eth0").MTU = 1460
	ladder(s, 1, 1410)
	s.Seen.MTU[0].ToldBy, s.Seen.MTU[0].ToldMTU = netip.MustParseAddr("10.77.0.1"), 1410
	c := run(t, s).Causes[0]
	var got []string
	for _, e := range c.Evidence {
		got = append(got, e.Got)
	}
	for _, want := range []string{"mtu 1460", "10.77.0.1 says that 1410 fit", "1410 pass, 1411 do not"} {
		if !strings.Contains(strings.Join(got, "; "), want) {
			t.Errorf("evidence %q lacks %q", got, want)
		}
	}
	if !strings.Contains(c.Relief, "mtu 1410") {
		t.Errorf("relief %q", c.Relief)
	}
}
