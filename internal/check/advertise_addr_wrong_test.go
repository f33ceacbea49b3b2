package check_test

import (
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// publish makes node i tell everybody another address for its overlay traffic,
// and its peers believe and hold it.
func publish(s *fact.Snapshot, i int, a netip.Addr) {
	old := facttest.VTEP(i)
	for k := 1; k <= 3; k++ {
		n := facttest.NodeOf(s, k)
		if n == nil {
			continue
		}
		net := n.Engine.Network(facttest.App)
		for v := range net.Services {
			for t := range net.Services[v].Tasks {
				if x := &net.Services[v].Tasks[t]; x.HostIP == old {
					x.HostIP = a
				}
			}
		}
		for f := range facttest.Overlay(s, k).FDB {
			if r := &facttest.Overlay(s, k).FDB[f]; r.Dst == old {
				r.Dst = a
			}
		}
	}
	for k := range s.Seen.Peers {
		if p := &s.Seen.Peers[k]; p.Target.Addr() == old {
			p.Target, p.Outcome = netip.AddrPortFrom(a, p.Target.Port()), fact.Timeout
		}
	}
}

// isolate makes every probe from and to node i fail.
func isolate(s *fact.Snapshot, i int) {
	for k := 1; k <= 3; k++ {
		if k != i {
			loseVXLAN(s, k, i)
			loseVXLAN(s, i, k)
		}
	}
}

func TestAdvertiseAddrWrong(t *testing.T) {
	id := "advertise-addr-wrong"
	nowhere := netip.MustParseAddr("10.77.0.99")
	eth0 := func(s *fact.Snapshot, i int) *fact.Link { return facttest.NodeOf(s, i).Kernel.Host().LinkNamed("eth0") }
	mutations(t, []mutation{
		{name: "an address that the host does not have", mutate: func(s *fact.Snapshot) {
			publish(s, 1, nowhere)
			isolate(s, 1)
		}, want: want{id: id, node: "n1", subject: "n1", certainty: check.Proof}, explain: 2},
		{name: "another node", mutate: func(s *fact.Snapshot) {
			publish(s, 3, nowhere)
			isolate(s, 3)
		}, want: want{id: id, node: "n3", subject: "n3", certainty: check.Proof}, explain: 2},
		{name: "the host has another address now", mutate: func(s *fact.Snapshot) {
			eth0(s, 1).Addrs = []netip.Prefix{netip.MustParsePrefix("10.77.0.211/24")}
			isolate(s, 1)
		}, want: want{id: id, node: "n1"}},
		{name: "one-to-one NAT that works", mutate: func(s *fact.Snapshot) {
			eth0(s, 1).Addrs = []netip.Prefix{netip.MustParsePrefix("192.168.5.4/24")}
		}, check: id, answer: check.OK},
		{name: "a loopback", mutate: func(s *fact.Snapshot) {
			publish(s, 2, netip.MustParseAddr("127.0.0.1"))
			isolate(s, 2)
		}, want: want{id: id, node: "n2", certainty: check.Proof}},
		{name: "the host's addresses were not read", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 2, fact.KindLinks) }, check: id, answer: check.Unknown},
	})
}
