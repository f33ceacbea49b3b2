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

func TestUnderlayMTUBlackholeCommands(t *testing.T) {
	s := facttest.Healthy()
	narrow(s, 1, 3, 1410)
	c := run(t, s).Causes[0]
	relief, confirm := strings.Split(c.Relief, "\n"), strings.Split(c.Confirm, "\n")
	if len(relief) != 2 || !strings.HasPrefix(relief[0], "on n1: nsenter") || !strings.HasPrefix(relief[1], "on n3: nsenter") {
		t.Errorf("relief is not one command for either end:\n%s", c.Relief)
	}
	if len(confirm) != 2 || !strings.Contains(confirm[0], "ping -M do -c 1 -W 1 -s 1383 ") || !strings.Contains(confirm[1], " -s 1382 ") {
		t.Errorf("confirm is not two commands:\n%s", c.Confirm)
	}
}

// TestNarrowedLinkFollowsFromTheBlackhole: somebody did what the relief says,
// for one of two ends.
func TestNarrowedLinkFollowsFromTheBlackhole(t *testing.T) {
	s := facttest.Healthy()
	facttest.SandboxOf(s, 1, facttest.Web(1)).LinkNamed("eth0").MTU = 1410
	narrow(s, 3, 1, 1410)
	narrow(s, 3, 2, 1410)
	r := run(t, s)
	if len(r.Causes) != 1 || r.Causes[0].ID != "underlay-mtu-blackhole" || !strings.Contains(strings.Join(r.Causes[0].Explains, "; "), "overlay-mtu-misconfigured") {
		t.Errorf("causes %s, want the black hole with the link under it", ids(r.Causes))
	}
}

// TestWidenedLinkDoesNotExplainOtherEnds: its own ladder is its own doing, those
// of others are not.
func TestWidenedLinkDoesNotExplainOtherEnds(t *testing.T) {
	s := facttest.Healthy()
	facttest.SandboxOf(s, 1, facttest.Web(1)).LinkNamed("eth0").MTU = 1500
	ladder(s, 1, 1410)
	narrow(s, 3, 2, 1410)
	r := run(t, s)
	if len(r.Causes) != 2 {
		t.Errorf("causes %s, want both", ids(r.Causes))
	}
}
