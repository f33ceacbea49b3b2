package cli

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

func TestSpentRequests(t *testing.T) {
	p := func(node, to string, count int) fact.PublishedProbe {
		return fact.PublishedProbe{From: fact.Source{Node: node, NetNS: "host"}, Target: netip.MustParseAddrPort(to), Count: count}
	}
	counts := func(list []fact.PublishedProbe) (out []int) {
		for _, q := range list {
			out = append(out, q.Count)
		}
		return out
	}
	sp := spent{}
	// Two services in host mode on one number are one target.
	first, left := sp.within([]fact.PublishedProbe{p("n1", "192.0.2.2:80", 5), p("n1", "192.0.2.2:80", 4), p("n2", "192.0.2.2:80", 5)})
	if got := counts(first); !slices.Equal(got, []int{5, 4, 5}) || len(left) != 0 {
		t.Fatalf("first look: %v", got)
	}
	sp.count(first)
	second, left := sp.within([]fact.PublishedProbe{p("n1", "192.0.2.2:80", 5), p("n1", "192.0.2.2:80", 5), p("n2", "192.0.2.2:80", 5), p("n1", "192.0.2.2:81", 5)})
	if got := counts(second); !slices.Equal(got, []int{1, 5, 5}) || len(left) != 1 {
		t.Errorf("second look: %v", got)
	}
	udp := p("n1", "192.0.2.2:80", 5)
	udp.Proto = "udp"
	if may, _ := sp.within([]fact.PublishedProbe{udp}); len(may) != 1 {
		t.Error("tcp used up what udp on the same number may ask")
	}
	sp.count(second)
	if may, _ := sp.within(second); len(may) != 1 || may[0].Target.Port() != 81 {
		t.Errorf("a third: %+v", may)
	}
}

// TestCarry: a failure of the first look that the second had no requests left
// for is not forgotten, and what was asked again counts as it is now.
func TestCarry(t *testing.T) {
	q := func(to string, o fact.Outcome) fact.PublishedProbe {
		return fact.PublishedProbe{Stage: fact.StageNode, Target: netip.MustParseAddrPort(to), Count: 1, Requests: []fact.Request{{Outcome: o}}}
	}
	first := &fact.Snapshot{Seen: fact.Seen{Published: []fact.PublishedProbe{q("192.0.2.2:80", fact.Timeout), q("192.0.2.3:80", fact.Timeout)}}}
	second := &fact.Snapshot{Seen: fact.Seen{Published: []fact.PublishedProbe{q("192.0.2.3:80", fact.Open)}}}
	first.Seen.Published = append(first.Seen.Published, q("192.0.2.4:80", fact.Timeout)) // not planned again
	carry(second, first, first.Seen.Published[:2])
	got := second.Seen.Published
	if len(got) != 2 || got[0].Requests[0].Outcome != fact.Timeout || got[1].Requests[0].Outcome != fact.Open || len(first.Seen.Published) != 3 {
		t.Errorf("%+v", got)
	}
}

// withoutNode3 is a healthy mesh in which nobody could look at node 3, where
// neither web nor api has a task any more.
func withoutNode3(q fact.Question) *fact.Snapshot {
	s := facttest.Mesh()
	n3 := facttest.NodeOf(s, 3)
	id, name := n3.ID, n3.Name
	s.Nodes = slices.DeleteFunc(s.Nodes, func(n fact.Node) bool { return n.ID == id })
	s.Wanted.Tasks = slices.DeleteFunc(s.Wanted.Tasks, func(t fact.Task) bool { return t.Node == id })
	s.Seen = fact.Seen{}
	s.Gaps = append(s.Gaps, fact.Gap{Node: name, Kind: fact.KindNode, Class: fact.ClassUnseen, Reason: "no agent answers"})
	s.Question = q
	return s
}

// TestThirdNodeIsSpared: what nobody asked about does not make an answer unknown.
func TestThirdNodeIsSpared(t *testing.T) {
	n3 := facttest.NodeOf(facttest.Mesh(), 3)
	for _, c := range []struct {
		name   string
		q      fact.Question
		spared bool
	}{
		{"onward", fact.Question{From: "web", To: "api", Port: 8080, Mesh: true}, true},
		{"the port itself", fact.Question{Published: 8080}, false},
		{"both halves", fact.Question{Published: 8080, From: "web", To: "api", Port: 8080}, false},
	} {
		s := withoutNode3(c.q)
		spare(s)
		sc, err := expect.Resolve(s)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(sc.Nodes, n3.ID) == c.spared || !slices.Contains(sc.Asked, n3.ID) {
			t.Errorf("%s: nodes %v, asked %v", c.name, sc.Nodes, sc.Asked)
		}
		asked := slices.ContainsFunc(expect.Mesh(s, &sc), func(p fact.PublishedProbe) bool { return p.Node == n3.ID && p.Stage == fact.StageNode })
		if !asked {
			t.Errorf("%s: the port of %s is not asked", c.name, n3.Name)
		}
		r, err := check.Run(s, check.All(), 0)
		if err != nil {
			t.Fatal(err)
		}
		// The tasks that node 3 had are still in engines and kernels here: only what
		// is said of the node counts.
		missed := slices.ContainsFunc(r.Checks, func(a check.CheckAnswer) bool { return strings.Contains(a.Reason, "not looked at: "+n3.Name) })
		told := slices.ContainsFunc(r.Gaps, func(g check.Gap) bool { return g.Node == n3.Name })
		if missed == c.spared || !told {
			t.Errorf("%s: missed %v, told %v", c.name, missed, told)
		}
	}
	// A node on the path is missed as ever.
	s := facttest.Mesh()
	s.Nodes = slices.DeleteFunc(s.Nodes, func(n fact.Node) bool { return n.ID == n3.ID })
	s.Gaps = append(s.Gaps, fact.Gap{Node: n3.Name, Kind: fact.KindNode, Class: fact.ClassUnseen, Reason: "no agent answers"})
	s.Question = fact.Question{From: "web", To: "api", Port: 8080, Mesh: true}
	spare(s)
	if g := s.Gaps[len(s.Gaps)-1]; g.Class != fact.ClassUnseen {
		t.Errorf("a node with tasks in question is spared: %+v", g)
	}
}
