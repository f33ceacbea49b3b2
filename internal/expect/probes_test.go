package expect_test

import (
	"fmt"
	"net/netip"
	"testing"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func plan(t *testing.T, s *fact.Snapshot) (expect.Scope, expect.Plan) {
	t.Helper()
	s.Seen = fact.Seen{}
	sc, err := expect.Resolve(s)
	if err != nil {
		t.Fatal(err)
	}
	return sc, expect.First(s, &sc)
}

func TestFirst(t *testing.T) {
	_, p := plan(t, facttest.Healthy())
	// 3 sources × 3 targets; 2 questions each; a ladder to each of 2 other nodes;
	// gossip and manager port of 2 peers.
	if len(p.TCP) != 9 || len(p.DNS) != 6 || len(p.MTU) != 6 || len(p.Peers) != 12 || p.Each != 0 {
		t.Errorf("%d tcp, %d dns, %d mtu, %d peers, each %d", len(p.TCP), len(p.DNS), len(p.MTU), len(p.Peers), p.Each)
	}
	for _, m := range p.MTU {
		if m.MTU != 1450 {
			t.Errorf("ladder starts at %d", m.MTU)
		}
	}
	_, p = plan(t, facttest.OneNode())
	if len(p.TCP) != 3 || len(p.Peers) != 4 {
		t.Errorf("from one node: %d tcp, %d peers", len(p.TCP), len(p.Peers))
	}
}

// A sweep that is too large is shared out: every source asks as many, and every
// target is asked.
func TestFirstIsBounded(t *testing.T) {
	s := facttest.Healthy()
	for i := range 5000 {
		x := *s.Wanted.Task(facttest.Api(2))
		x.ID = fact.TaskID(fmt.Sprintf("t%024d", i))
		x.Slot = 10 + i
		x.Addresses = []fact.TaskAddress{{Network: facttest.App, Addr: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(2 + i/250), byte(i % 250)}), 16)}}
		s.Wanted.Tasks = append(s.Wanted.Tasks, x)
	}
	_, p := plan(t, s)
	if len(p.TCP) > expect.MaxTCP || len(p.TCP) < expect.MaxTCP-3 || p.Each == 0 || p.Of != 5003 {
		t.Fatalf("%d connections, each %d of %d", len(p.TCP), p.Each, p.Of)
	}
	from := map[string]int{}
	seen := map[netip.AddrPort]bool{}
	for _, x := range p.TCP {
		from[x.From.Node]++
		if seen[x.Target] {
			t.Fatalf("%s is asked twice while others are not asked", x.Target)
		}
		seen[x.Target] = true
	}
	if len(from) != 3 {
		t.Errorf("sources %v", from)
	}
}

// slim gives every host a neighbour table of that size; empty: of unknown size.
func slim(s *fact.Snapshot, rows string) {
	for i := range s.Nodes {
		s.Nodes[i].Kernel.Host().Sysctls = nil
		if rows != "" {
			s.Nodes[i].Kernel.Host().Sysctls = []fact.Sysctl{{Key: "net.ipv4.neigh.default.gc_thresh3", Value: rows}}
		}
	}
}

// A sweep leaves half of every host's neighbour table to others: every
// connection costs a row where it begins and one where it ends.
func TestSweepLeavesRoom(t *testing.T) {
	for _, all := range []bool{false, true} {
		s := facttest.Healthy()
		if all {
			s.Question = fact.Question{All: true}
		}
		crowd(s, 18)
		slim(s, "")
		_, p := plan(t, s)
		host := map[fact.TaskID]string{}
		for _, x := range s.Wanted.Tasks {
			host[x.ID] = expect.NodeName(s, x.Node)
		}
		rows, begun, ended := map[string]int{}, map[fact.TaskID]int{}, map[fact.TaskID]int{}
		for _, x := range p.TCP {
			rows[x.From.Node]++
			rows[host[x.To]]++
			begun[x.From.Task]++
			ended[x.To]++
		}
		if !p.Crowded || len(rows) != 3 || len(p.TCP) < 600 {
			t.Errorf("all %v: crowded %v, %d connections, rows %v", all, p.Crowded, len(p.TCP), rows)
		}
		for node, n := range rows {
			if n > expect.RowsEach {
				t.Errorf("all %v: %s gets %d rows, %d are allowed", all, node, n, expect.RowsEach)
			}
		}
		if least := min(len(begun), len(ended)); least < 54 {
			t.Errorf("all %v: %d sources and %d targets take part", all, len(begun), len(ended))
		}
	}
	s := facttest.Healthy()
	crowd(s, 18)
	slim(s, "8192")
	if _, p := plan(t, s); p.Crowded || p.Each != 0 || len(p.TCP) != 54*54 {
		t.Errorf("tables that are large enough: crowded %v, each %d, %d connections", p.Crowded, p.Each, len(p.TCP))
	}
}

func TestFollowUp(t *testing.T) {
	s := facttest.Healthy()
	facttest.Fail(s, 1, facttest.Api(2), fact.Timeout)
	stale := netip.MustParseAddr("10.0.1.99")
	s.Seen.DNS[0].Addrs = append(s.Seen.DNS[0].Addrs, stale)
	s.Seen.DNS[1].Outcome = fact.Timeout
	sc, err := expect.Resolve(s)
	if err != nil {
		t.Fatal(err)
	}
	p := expect.FollowUp(s, &sc)
	if len(p.TCP) != 1 || p.TCP[0].Target.Addr() != stale || p.TCP[0].To != "" {
		t.Errorf("tcp %+v: want the address that only DNS knows", p.TCP)
	}
	var ptr, direct bool
	for _, d := range p.DNS {
		ptr = ptr || d.Type == "PTR" && d.Name == facttest.ApiIP(2).String()
		direct = direct || d.Type == "A" && d.Server.Port() == 40002
	}
	if !ptr || !direct {
		t.Errorf("dns %+v: want a reverse look-up of the failed address and a question to the resolver's own port", p.DNS)
	}
}

// Without a port every target is asked for its own: a listener that one task
// alone has is not looked for in the others.
func TestPortsOfEachTarget(t *testing.T) {
	s := facttest.Healthy()
	s.Question.Port = 0
	ns := facttest.SandboxOf(s, 2, facttest.Api(2))
	ns.Sockets = append(ns.Sockets, fact.Socket{Proto: "tcp", Local: netip.MustParseAddrPort("0.0.0.0:6060")})
	sc, p := plan(t, s)
	if len(sc.Ports) != 2 {
		t.Errorf("ports %v", sc.Ports)
	}
	for _, x := range p.TCP {
		if x.Target.Port() == 6060 && x.To != facttest.Api(2) {
			t.Errorf("%s is asked for a port that only api.2 has", x.To)
		}
	}
	if len(p.TCP) != 9+3 {
		t.Errorf("%d connections, want 9 to 8080 and 3 to 6060", len(p.TCP))
	}
	one := facttest.OneNode()
	one.Question.Port = 0
	one.Wanted.ServiceNamed("api").Ports = nil
	_, p = plan(t, one)
	if len(p.TCP) != 3 {
		t.Errorf("%d connections, want every task on what the one that was seen listens on", len(p.TCP))
	}
}

// TestHostsAreSampledAndCounted: in a large Swarm each node asks, and is asked
// by, as many others, and the plan says how many.
func TestHostsAreSampledAndCounted(t *testing.T) {
	s := facttest.Healthy()
	sc, err := expect.Resolve(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := expect.First(s, &sc).Hosts; got != (expect.Share{N: 2, Of: 2}) {
		t.Errorf("three nodes: %+v", got)
	}
	s = facttest.Whole(facttest.Healthy())
	for i := 4; i <= 20; i++ {
		n := s.Wanted.Nodes[0]
		n.ID, n.Hostname = fact.NodeID(fmt.Sprintf("other%020d", i)), fmt.Sprintf("n%02d", i)
		n.Addr, n.ManagerAddr = facttest.VTEP(i), facttest.VTEP(i)
		s.Wanted.Nodes = append(s.Wanted.Nodes, n)
	}
	if sc, err = expect.Resolve(s); err != nil {
		t.Fatal(err)
	}
	if got := expect.First(s, &sc).Hosts; got != (expect.Share{N: expect.PeersEach, Of: 19}) {
		t.Errorf("20 nodes: %+v", got)
	}
}
