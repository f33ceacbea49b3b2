package check_test

import (
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// apart makes a mutation of a Swarm whose nodes have an address for overlay
// packets and another for gossip and managers.
func apart(change func(*fact.Snapshot)) func(*fact.Snapshot) {
	return func(s *fact.Snapshot) { change(facttest.Apart(s)) }
}

func TestTwoAddresses(t *testing.T) {
	if r := run(t, facttest.Apart(facttest.Healthy())); r.Verdict != check.VerdictOK {
		t.Fatalf("healthy: %s, causes %+v, checks %+v", r.Verdict, r.Causes, r.Checks)
	}
	mutations(t, []mutation{
		{name: "gossip's port is closed", mutate: apart(func(s *fact.Snapshot) { blockGossip(s, 1, 3, fact.Timeout) }),
			want: want{id: "gossip-7946-blocked", node: "n1", peer: "n3"}},
		{name: "the data path is cut", mutate: apart(func(s *fact.Snapshot) { loseVXLAN(s, 1, 3) }),
			want: want{id: "underlay-vxlan-udp-blocked", node: "n1", peer: "n3"}},
		{name: "the way for gossip is gone", mutate: apart(func(s *fact.Snapshot) {
			blockGossip(s, 1, 3, fact.Unreachable)
			failPeer(s, 1, 3, "manager", fact.Unreachable)
			noWay(s, 1, func(l *fact.RouteLookup) bool { return l.Dst == facttest.Control(3) })
		}), want: want{id: "underlay-peer-unreachable", node: "n1", peer: "n3", certainty: check.Proof}},
		{name: "the way for overlay packets is gone", mutate: apart(func(s *fact.Snapshot) {
			loseVXLAN(s, 1, 3)
			noWay(s, 1, func(l *fact.RouteLookup) bool { return l.Dst == facttest.VTEP(3) })
		}), want: want{id: "underlay-peer-unreachable", node: "n1", peer: "n3", certainty: check.Proof}},
	})
}

// noWay makes node i's kernel refuse to send to an address.
func noWay(s *fact.Snapshot, i int, to func(*fact.RouteLookup) bool) {
	host := facttest.NodeOf(s, i).Kernel.Host()
	for k := range host.Lookups {
		if to(&host.Lookups[k]) {
			host.Lookups[k].Err = "network is unreachable"
		}
	}
}

func TestCommandsNameTheAddressThatGossipUses(t *testing.T) {
	s := facttest.Apart(facttest.Healthy())
	blockGossip(s, 1, 3, fact.Timeout)
	c := run(t, s).Causes[0]
	if !strings.Contains(c.Confirm, "nc -zvw2 "+facttest.Control(3).String()+" 7946") {
		t.Errorf("confirm %q", c.Confirm)
	}
}
