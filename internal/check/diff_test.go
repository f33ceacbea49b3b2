package check_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func compared(t *testing.T, a, b *fact.Snapshot) *check.Diff {
	t.Helper()
	d, err := check.Compare(a, b, check.All())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// differs are the changes and notes, a line each.
func differs(d *check.Diff) string {
	var b strings.Builder
	for _, c := range d.Causes {
		fmt.Fprintf(&b, "%s cause %s on %s unsure %q\n", c.How, c.ID, c.Node, c.Unsure)
	}
	for _, c := range d.Changes {
		fmt.Fprintf(&b, "%s %s [%s] %s: %s => %s\n", c.How, c.Picture, c.Node, c.What, c.From, c.To)
	}
	for _, n := range d.NotCompared {
		fmt.Fprintf(&b, "not compared: %s\n", n)
	}
	return b.String()
}

func TestDiffOfTheSameIsNothing(t *testing.T) {
	for _, name := range facttest.Scenarios() {
		if d := compared(t, facttest.Scenario(name), facttest.Scenario(name)); len(d.Changes)+len(d.NotCompared) > 0 || !d.Same() {
			t.Errorf("%s:\n%s", name, differs(d))
		}
	}
	if d := compared(t, facttest.Mesh(), facttest.Mesh()); !d.Same() {
		t.Errorf("mesh:\n%s", differs(d))
	}
}

// TestDiffSaysWhatWasBroken: one row, one cause, one failed connection.
func TestDiffSaysWhatWasBroken(t *testing.T) {
	d := compared(t, facttest.Healthy(), facttest.Scenario("fdb-missing"))
	want := `appeared cause fdb-missing on n1 unsure ""
went held [n1] overlay app: forwarding row 02:42:0a:00:01:16 (api.2): → 10.77.0.12 => 
changed seen [n1] connection web.1 → api.2 port 8080 on app: open => timeout
`
	if got := differs(d); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	back := compared(t, facttest.Scenario("fdb-missing"), facttest.Healthy())
	if got := differs(back); !strings.HasPrefix(got, "went cause fdb-missing on n1 unsure \"\"\nappeared held [n1] overlay app: forwarding row") {
		t.Errorf("healed: got\n%s", got)
	}
	if stay := compared(t, facttest.Scenario("fdb-missing"), facttest.Scenario("fdb-missing-twice")); !strings.Contains(differs(stay), "stayed cause fdb-missing on n1") || !strings.Contains(differs(stay), "appeared cause fdb-missing on n3") {
		t.Errorf("one more: got\n%s", differs(stay))
	}
}

// TestDiffIsBlindToFigures: counters, ages and times are no change.
func TestDiffIsBlindToFigures(t *testing.T) {
	b := facttest.Healthy()
	b.Taken = b.Taken.Add(time.Hour)
	for i := range b.Nodes {
		n := &b.Nodes[i]
		n.ClockOffset += time.Millisecond
		for k := range n.Kernel.Namespaces {
			ns := &n.Kernel.Namespaces[k]
			ns.Name, ns.Inode = strings.Replace(ns.Name, "1-", "7-", 1), ns.Inode+1000
			for c := range ns.Counters {
				ns.Counters[c].Before += 100
				ns.Counters[c].After += 200
			}
			slices.Reverse(ns.FDB)
			slices.Reverse(ns.Neighbours)
			ns.FDB = append(ns.FDB, fact.FDBEntry{MAC: fact.MAC{2, 1, 1, 1, 1, 1}, Link: 10})
			ns.Neighbours = append(ns.Neighbours, fact.Neighbour{IP: netip.MustParseAddr("10.9.9.9"), MAC: fact.MAC{2}, State: fact.Stale})
			if nf := ns.Netfilter; nf != nil {
				for x := range nf.Tables {
					for y := range nf.Tables[x].Chains {
						for z := range nf.Tables[x].Chains[y].Rules {
							nf.Tables[x].Chains[y].Rules[z].Hits.Packets += 7
						}
					}
				}
			}
		}
	}
	for i := range b.Seen.TCP {
		b.Seen.TCP[i].RTT += time.Millisecond
	}
	a := facttest.Healthy()
	if d := compared(t, a, b); len(d.Changes) > 0 {
		t.Errorf("got\n%s", differs(d))
	}
}

// TestDiffPairsReplacedTasks: by service and slot; what is inside of the new one
// is not compared with what was inside of the old.
func TestDiffPairsReplacedTasks(t *testing.T) {
	b := facttest.Healthy()
	task := b.Wanted.Task(facttest.Api(2))
	old := task.ID
	task.ID = "newapi2000000000000000000"
	name := "api.2." + string(task.ID)
	for i := range b.Nodes {
		for k := range b.Nodes[i].Engine.Containers {
			if c := &b.Nodes[i].Engine.Containers[k]; c.TaskID == old {
				c.TaskID, c.Name, c.TaskName = task.ID, name, name
				was := c.ID
				c.ID = fact.ContainerID(strings.Repeat("f", 64))
				ns := b.Nodes[i].Kernel.Sandbox(was)
				ns.Containers = []fact.ContainerID{c.ID}
				ns.Sysctls, ns.Links = nil, nil
			}
		}
	}
	for i := range b.Seen.TCP {
		if b.Seen.TCP[i].To == old {
			b.Seen.TCP[i].To = task.ID
		}
	}
	for i := range b.Seen.MTU {
		if b.Seen.MTU[i].To == old {
			b.Seen.MTU[i].To = task.ID
		}
	}
	got := differs(compared(t, facttest.Healthy(), b))
	if !strings.Contains(got, "changed wanted [] task api.2: id api200000000 => id newapi200000\n") {
		t.Errorf("got\n%s", got)
	}
	if strings.Contains(got, "held") || strings.Contains(got, "seen") {
		t.Errorf("the new task's inside was compared with the old one's:\n%s", got)
	}
}

// TestDiffTakesABlindSpotForNoChange: what one of them did not see did not go.
func TestDiffTakesABlindSpotForNoChange(t *testing.T) {
	blind := facttest.Healthy()
	facttest.Miss(blind, 2, fact.KindFDB)
	facttest.Blank(blind, "n2", fact.KindFDB)
	blind.Nodes = slices.DeleteFunc(blind.Nodes, func(n fact.Node) bool { return n.Name == "n3" })
	got := differs(compared(t, facttest.Healthy(), blind))
	if strings.Contains(got, "went held") || strings.Contains(got, "went believed") {
		t.Errorf("a gap was taken for a change:\n%s", got)
	}
	for _, want := range []string{"not compared: n2: fdb, only the first could see it\n", "not compared: n3: only the first looked there\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	silent := differs(compared(t, facttest.Healthy(), facttest.Scenario("managers-silent")))
	if strings.Contains(silent, " wanted [") || !strings.Contains(silent, "not compared: what the managers want: only the first heard a manager\n") {
		t.Errorf("silent managers:\n%s", silent)
	}
	cause := differs(compared(t, facttest.Scenario("fdb-missing"), blindTo(t)))
	if strings.Contains(cause, `went cause fdb-missing on n1 unsure ""`) || !strings.Contains(cause, "went cause fdb-missing on n1") {
		t.Errorf("a cause that nobody could see any more went for certain:\n%s", cause)
	}
}

func blindTo(t *testing.T) *fact.Snapshot {
	t.Helper()
	s := facttest.Scenario("fdb-missing")
	facttest.Miss(s, 1, fact.KindFDB)
	facttest.Blank(s, "n1", fact.KindFDB)
	return s
}

func TestDiffOfEachPicture(t *testing.T) {
	a, b := facttest.Mesh(), facttest.Mesh()
	api := b.Wanted.ServiceNamed("api")
	api.Replicas, api.UpdateState = 5, "paused"
	b.Wanted.Nodes[1].Availability = "drain"
	for i := range b.Nodes {
		net := b.Nodes[i].Engine.Network(facttest.App)
		net.Peers = net.Peers[:2]
	}
	host := facttest.NodeOf(b, 1).Kernel.Host()
	host.Sysctls = append(slices.DeleteFunc(host.Sysctls, func(s fact.Sysctl) bool { return s.Key == "net.ipv4.ip_forward" }), fact.Sysctl{Key: "net.ipv4.ip_forward", Value: "0"})
	chain := &host.Netfilter.Tables[0].Chains[0]
	for i := range host.Netfilter.Tables {
		for k := range host.Netfilter.Tables[i].Chains {
			if c := &host.Netfilter.Tables[i].Chains[k]; len(c.Rules) > len(chain.Rules) {
				chain = c
			}
		}
	}
	slices.Reverse(chain.Rules)
	ingress := facttest.NodeOf(b, 2).Kernel.Named("ingress_sbox")
	ingress.IPVS.Services[0].Backends = ingress.IPVS.Services[0].Backends[1:]
	b.Nodes[0].Said = &fact.Said{Statements: []fact.Statement{{ID: "gossip-suspect"}, {ID: "gossip-suspect"}, {ID: "gossip-joined", Benign: true}}}
	a.Nodes[0].Said = &fact.Said{}
	got := differs(compared(t, a, b))
	for _, want := range []string{
		"changed wanted [] service api: mode: replicated, 3 wanted => replicated, 5 wanted",
		"changed wanted [] node n2: availability: active => drain",
		"changed wanted [] service api: update:  => paused",
		"went believed [n1] network app: peer 10.77.0.13:",
		"changed held [n1] net.ipv4.ip_forward: 1 => 0",
		": order of the rules of " + chain.Name + ":  => ",
		"went held [n2] ingress_sbox: virtual service FWM ",
		"appeared said [n1] gossip-suspect:  => 2 times",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "gossip-joined") {
		t.Errorf("what is benign is told:\n%s", got)
	}
}

// TestNothingPanicsOnNonsense: a case may hold anything that its types allow.
func TestNothingPanicsOnNonsense(t *testing.T) {
	for seed := range uint64(150) {
		a, b := facttest.Mesh(), facttest.Healthy()
		facttest.Mangle(a, seed)
		facttest.Mangle(b, seed+1000)
		for _, s := range []*fact.Snapshot{a, b} {
			if r, err := check.Run(s, nil, 0); err == nil {
				check.BugReport(s, r)
			}
		}
		if d, err := check.Compare(a, b, nil); err == nil && d.Changes == nil {
			t.Errorf("seed %d: no list", seed)
		}
	}
}

// TestDiffKnowsWhatDependsOnTheQuestion: owners of listeners and resolv.conf are
// read where the question needs them.
func TestDiffKnowsWhatDependsOnTheQuestion(t *testing.T) {
	b := facttest.Healthy()
	for i := range b.Nodes {
		for k := range b.Nodes[i].Kernel.Namespaces {
			ns := &b.Nodes[i].Kernel.Namespaces[k]
			ns.Resolv = nil
			for x := range ns.Sockets {
				ns.Sockets[x].Owner, ns.Sockets[x].PID = "docker-proxy", 7
			}
			ns.Sysctls = append(ns.Sysctls, fact.Sysctl{Key: "net.netfilter.nf_conntrack_count", Value: fmt.Sprint(k)})
		}
	}
	if d := compared(t, facttest.Healthy(), b); len(d.Changes) > 0 {
		t.Errorf("got\n%s", differs(d))
	}
	c := facttest.Healthy()
	host := facttest.NodeOf(c, 1).Kernel.Host()
	for x := range host.Sockets {
		host.Sockets[x].Owner = "nginx"
	}
	if got := differs(compared(t, b, c)); !strings.Contains(got, "owner of listener") || !strings.Contains(got, "docker-proxy => nginx") {
		t.Errorf("another owner is not told:\n%s", got)
	}
}

// TestDiffSaysWhatCannotBeCompared: two sides that belong to different Swarms, or
// stand in the wrong order, are compared all the same, and it is said.
func TestDiffSaysWhatCannotBeCompared(t *testing.T) {
	a, b := facttest.Healthy(), facttest.Healthy()
	b.Taken = a.Taken.Add(-time.Hour)
	b.Wanted.ClusterID = "othercluster"
	got := differs(compared(t, a, b))
	if !strings.Contains(got, "the first case is the later one") || !strings.Contains(got, "of two Swarms, or one is redacted") {
		t.Errorf("%s", got)
	}
}
