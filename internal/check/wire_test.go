package check_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// fate is what becomes of datagrams of a size: three are sent.
type fate struct {
	err        string
	wire, host int
}

var (
	arrives  = fate{"", 3, 3}
	noSend   = fate{"operation not permitted", 0, 0}
	swallow  = fate{"", 0, 0}
	noInput  = fate{"", 3, 0}
	allSizes = []int{expect.DataPathSmall, 1280, 1400, 1450, 1460, 1500}
)

// datagrams sends from node i to node k: sizes above longest share the fate, all
// if longest is 0; the others arrive. The port beside has a fate of its own.
func datagrams(s *fact.Snapshot, i, k, longest int, f, beside fate) {
	n := facttest.NodeOf(s, i)
	add := func(port uint16, size int, f fate) {
		p := fact.DataPathProbe{Node: n.Name, Peer: facttest.Node(k), Target: netip.AddrPortFrom(facttest.VTEP(k), port), VNI: 0xFFFFF0, Size: size,
			Sent: 3, Err: f.err, Wire: f.wire, Host: f.host, Counted: facttest.NodeOf(s, k) != nil}
		if f.err != "" {
			p.Sent = 0
		} else {
			s.Seen.Flows = append(s.Seen.Flows, fact.Flow{Node: n.Name, What: "data path", Peer: facttest.VTEP(k), Port: port, Size: size, Out: 3})
		}
		s.Seen.DataPath = append(s.Seen.DataPath, p)
	}
	for _, size := range allSizes {
		if size > longest {
			add(4789, size, f)
		} else {
			add(4789, size, arrives)
		}
	}
	add(4790, expect.DataPathSmall, beside)
}

// between breaks the overlay between nodes i and k and says what datagrams do
// both ways.
func between(s *fact.Snapshot, i, k int, there, back fate) {
	loseVXLAN(s, i, k)
	loseVXLAN(s, k, i)
	datagrams(s, i, k, 0, there, arrives)
	datagrams(s, k, i, 0, back, arrives)
}

func TestTwoEndsOfVXLAN(t *testing.T) {
	id := "underlay-vxlan-udp-blocked"
	mutations(t, []mutation{
		{name: "dropped on the way in, from everybody", mutate: func(s *fact.Snapshot) {
			between(s, 1, 3, noInput, arrives)
			between(s, 2, 3, noInput, arrives)
		}, want: want{id: id, node: "n3", subject: "n3", certainty: check.Proof}, explain: 4},
		{name: "dropped on the way in, from one", mutate: func(s *fact.Snapshot) { between(s, 1, 3, noInput, arrives) },
			want: want{id: id, node: "n3", peer: "n1", subject: "n3", certainty: check.Proof}},
		{name: "refused at send", mutate: func(s *fact.Snapshot) {
			between(s, 1, 3, arrives, noSend)
			between(s, 2, 3, arrives, noSend)
		}, want: want{id: id, node: "n3", subject: "n3", certainty: check.Proof}},
		{name: "accepted and never sent", mutate: func(s *fact.Snapshot) {
			between(s, 2, 3, swallow, arrives)
			for i := range s.Seen.Flows {
				if f := &s.Seen.Flows[i]; f.Node == "n2" && f.Port == 4789 {
					f.Out = 0
				}
			}
		}, want: want{id: id, node: "n2", peer: "n3", certainty: check.Proof}},
		{name: "lost on the wire", mutate: func(s *fact.Snapshot) { between(s, 2, 3, swallow, swallow) },
			want: want{id: id, node: "n2", peer: "n3", certainty: check.Strong}},
		{name: "the wire of one node", mutate: func(s *fact.Snapshot) {
			between(s, 1, 2, swallow, swallow)
			between(s, 2, 3, swallow, swallow)
		}, want: want{id: id, node: "n2", subject: "n2", certainty: check.Strong}},
		{name: "a pair nobody could count is of the same node", mutate: func(s *fact.Snapshot) {
			between(s, 1, 3, noInput, arrives)
			loseVXLAN(s, 2, 3)
		}, want: want{id: id, node: "n3"}},
		{name: "it arrives both ways: not the firewall", mutate: func(s *fact.Snapshot) { between(s, 1, 3, arrives, arrives) },
			check: id, answer: check.OK},
	})
}

func TestTwoIndependentClosures(t *testing.T) {
	s := facttest.Healthy()
	between(s, 1, 2, noInput, arrives)
	between(s, 3, 2, noInput, arrives)
	between(s, 3, 1, noSend, arrives)
	r := run(t, s)
	if got, want := strings.Join(ids(r.Causes), " "), "underlay-vxlan-udp-blocked@n2/n2 underlay-vxlan-udp-blocked@n3/n3"; got != want {
		t.Errorf("causes %s, want %s", got, want)
	}
	for _, c := range r.Causes {
		if c.Node == "n2" && !strings.Contains(c.Relief, "INPUT") || c.Node == "n3" && !strings.Contains(c.Relief, "OUTPUT") {
			t.Errorf("%s: %s", c.Node, c.Relief)
		}
	}
}

func TestZones(t *testing.T) {
	name := func(node, peer string) check.PairNames { return check.PairNames{Node: node, Peer: peer} }
	bad := []check.PairNames{name("n1", "n3"), name("n1", "n4"), name("n2", "n3"), name("n4", "n2")}
	good := []check.PairNames{name("n1", "n2"), name("n4", "n3")}
	one, other := check.ZonesOf(bad, good)
	if !slices.Equal(one, []string{"n1", "n2"}) || !slices.Equal(other, []string{"n3", "n4"}) {
		t.Errorf("zones %v and %v", one, other)
	}
	if one, _ := check.ZonesOf(bad[:2], good); one != nil {
		t.Errorf("a wall around n1 and n2 with n2 outside: %v", one)
	}
	if one, _ := check.ZonesOf(append(bad, name("n1", "n2")), good); one != nil {
		t.Errorf("a pair within a zone is bad: %v", one)
	}
}
