package check_test

import (
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// detour makes node i send to node k by a second interface.
func detour(s *fact.Snapshot, i, k int) {
	host := facttest.NodeOf(s, i).Kernel.Host()
	if host.LinkNamed("eth1") == nil {
		host.Links = append(host.Links, fact.Link{Index: 9, Name: "eth1", MTU: 1500, Up: true, Carrier: true, Addrs: []netip.Prefix{netip.MustParsePrefix("10.78.0.11/24")}})
	}
	for n := range host.Lookups {
		if host.Lookups[n].Dst == facttest.VTEP(k) {
			host.Lookups[n].Link = 9
		}
	}
}

// filter sets the reverse-path filter of node i, and how often it dropped.
func filter(s *fact.Snapshot, i int, all, eth0 string, dropped uint64) {
	host := facttest.NodeOf(s, i).Kernel.Host()
	host.Sysctls = append(host.Sysctls, fact.Sysctl{Key: "net.ipv4.conf.all.rp_filter", Value: all}, fact.Sysctl{Key: "net.ipv4.conf.eth0.rp_filter", Value: eth0})
	host.Counter("", "TcpExt.IPReversePathFilter").After = dropped
}

func TestRPFilterStrict(t *testing.T) {
	id := "rp-filter-strict"
	silent := func(s *fact.Snapshot, i, k int) {
		loseVXLAN(s, i, k)
		for n := range s.Seen.Peers {
			if p := &s.Seen.Peers[n]; p.Node == facttest.NodeOf(s, i).Name && p.Peer == facttest.Node(k) {
				p.Outcome = fact.Timeout
			}
		}
	}
	mutations(t, []mutation{
		{name: "strict on the interface, one peer", mutate: func(s *fact.Snapshot) {
			detour(s, 1, 2)
			filter(s, 1, "0", "1", 12)
			silent(s, 1, 2)
		}, want: want{id: id, node: "n1", peer: "n2", subject: "n1", certainty: check.Strong}, explain: 2},
		{name: "strict for all, every peer", mutate: func(s *fact.Snapshot) {
			detour(s, 1, 2)
			detour(s, 1, 3)
			filter(s, 1, "1", "0", 12)
			silent(s, 1, 2)
			silent(s, 1, 3)
		}, want: want{id: id, node: "n1", subject: "n1", certainty: check.Strong}},
		{name: "on another node", mutate: func(s *fact.Snapshot) {
			detour(s, 2, 1)
			filter(s, 2, "0", "1", 3)
			silent(s, 1, 2)
		}, want: want{id: id, node: "n2", peer: "n1"}},
		{name: "loose", mutate: func(s *fact.Snapshot) {
			detour(s, 1, 2)
			filter(s, 1, "2", "1", 12)
		}, check: id, answer: check.OK},
		{name: "nothing was dropped", mutate: func(s *fact.Snapshot) {
			detour(s, 1, 2)
			filter(s, 1, "1", "1", 0)
		}, check: id, answer: check.OK},
		{name: "strict and symmetric", mutate: func(s *fact.Snapshot) { filter(s, 1, "1", "1", 12) }, check: id, answer: check.OK},
		{name: "counted once", mutate: func(s *fact.Snapshot) {
			detour(s, 1, 2)
			filter(s, 1, "1", "1", 12)
			facttest.NodeOf(s, 1).Kernel.Host().Counter("", "TcpExt.IPReversePathFilter").Twice = false
		}, check: id, answer: check.Unknown},
	})
}
