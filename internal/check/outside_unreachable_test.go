package check_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestOutsideUnreachable(t *testing.T) {
	id := "outside-unreachable"
	t.Run("refused everywhere", func(t *testing.T) {
		leavingFault(t, everywhere(func(s *fact.Snapshot, i int) { facttest.LostAt(s, i, fact.Refused, fact.Refused) }),
			want{id: id, subject: "web", certainty: check.Strong}, "db.example.com (203.0.113.5:5432) refuses", "refuses every node that asked, too", "n2 itself → 203.0.113.5:5432", "nc -vz 203.0.113.5 5432",
			"(203.0.113.5:5432): refused")
	})
	t.Run("silent everywhere", func(t *testing.T) {
		leavingFault(t, everywhere(func(s *fact.Snapshot, i int) { facttest.LostAt(s, i, fact.Timeout, fact.Unreachable) }),
			want{id: id, subject: "web", certainty: check.Strong}, "does not answer any node that asked either", "not in the Swarm")
	})
	t.Run("closed to one node", func(t *testing.T) {
		leavingFault(t, func(s *fact.Snapshot) { facttest.LostAt(s, 2, fact.Timeout, fact.Timeout) },
			want{id: id, node: "n2", subject: "n2", certainty: check.Strong}, "it lets n1, n3 in", "the addresses of some nodes only")
	})
	t.Run("one of two addresses", func(t *testing.T) {
		leavingFault(t, func(s *fact.Snapshot) {
			for i := range 3 {
				p := fact.TCPProbe{From: facttest.Source(i + 1), Target: netip.MustParseAddrPort("203.0.113.6:5432"), Outcome: fact.Open, Tries: 1}
				s.Seen.TCP = append(s.Seen.TCP, p)
			}
			facttest.LostAt(s, 2, fact.Timeout, fact.Timeout)
		}, want{id: id, node: "n2", subject: "n2"}, "it lets n1, n3 in", "203.0.113.6:5432 answers n2")
	})
	t.Run("another address of it fails for another reason", func(t *testing.T) {
		r := run(t, asking(func(s *fact.Snapshot) {
			facttest.LostAt(s, 2, fact.Timeout, fact.Timeout)
			other := netip.MustParseAddrPort("203.0.113.6:5432")
			s.Seen.TCP = append(s.Seen.TCP, fact.TCPProbe{From: facttest.Source(2), Target: other, Outcome: fact.Timeout, Tries: 2})
			s.Seen.Peers = append(s.Seen.Peers, fact.PeerProbe{Node: "n2", What: fact.WhatOutside, Target: other, Outcome: fact.Open})
		}))
		if !strings.Contains(r.Summary, "1 failed connection is explained by no cause") {
			t.Error(r.Summary)
		}
	})
	for name, o := range map[string][2]fact.Outcome{"the node itself is let in": {fact.Timeout, fact.Open}, "silence and refusal": {fact.Timeout, fact.Refused}} {
		t.Run(name, func(t *testing.T) {
			leavingAnswer(t, func(s *fact.Snapshot) { facttest.LostAt(s, 2, o[0], o[1]) }, id, check.OK, "")
		})
	}
	t.Run("a rule of the node stops the node itself", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			facttest.LostAt(s, 2, fact.Timeout, fact.Timeout)
			saved(s, 2, with("-A OUTPUT -p tcp -d 203.0.113.5 --dport 5432 -j DROP"), "filter")
		}, id, check.Unknown, "drops what the node itself sends to 203.0.113.5:5432, so its silence says nothing")
	})
	t.Run("the node itself was not asked", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			facttest.LostAt(s, 2, fact.Timeout, "")
			s.Seen.Peers = slices.DeleteFunc(s.Seen.Peers, func(p fact.PeerProbe) bool { return p.Node == "n2" })
		}, id, check.Unknown, "whether the node itself reaches 203.0.113.5:5432 was not found out")
	})
	t.Run("its address is one of the overlay", func(t *testing.T) {
		leavingAnswer(t, everywhere(func(s *fact.Snapshot, i int) {
			led(s, i, facttest.ApiIP(1))
			s.Seen.Peers[i-1].Outcome = fact.Timeout
		}), id, check.Unknown, "no host reaches 10.0.1.21:5432, an address of network app")
	})
	t.Run("told where it is, and did not try", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			s.Seen.TCP = slices.DeleteFunc(s.Seen.TCP, func(p fact.TCPProbe) bool { return p.From == facttest.Source(2) })
		}, id, check.Unknown, "web.2 on n2 was told 203.0.113.5 for db.example.com and tried none of them")
	})
	t.Run("an address that only some nodes may try", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			s.Question.To = facttest.DBAddr.Addr().String()
			e := facttest.NodeOf(s, 2).Engine
			e.Networks = append(e.Networks, fact.EngineNetwork{Instantiated: true, Network: fact.Network{ID: "netother", Name: "other", Driver: "bridge", Scope: "local",
				Subnets: []fact.Subnet{{Prefix: netip.PrefixFrom(facttest.DBAddr.Addr(), 24)}}}, Endpoints: []fact.Endpoint{{Addr: netip.PrefixFrom(facttest.DBAddr.Addr(), 24)}}})
			s.Seen.TCP = slices.DeleteFunc(s.Seen.TCP, func(p fact.TCPProbe) bool { return p.From == facttest.Source(2) })
		}, id, check.Unknown, "web.2 on n2: 203.0.113.5 is in a network of that node's own engine")
	})
	t.Run("refusal of one address and silence of another", func(t *testing.T) {
		leavingFault(t, func(s *fact.Snapshot) {
			facttest.LostAt(s, 2, fact.Refused, fact.Refused)
			other := netip.MustParseAddrPort("203.0.113.6:5432")
			s.Seen.TCP = append(s.Seen.TCP, fact.TCPProbe{From: facttest.Source(2), Target: other, Outcome: fact.Timeout, Tries: 2})
			s.Seen.Peers = append(s.Seen.Peers, fact.PeerProbe{Node: "n2", What: fact.WhatOutside, Target: other, Outcome: fact.Timeout})
		}, want{id: id, node: "n2", subject: "n2"}, "(203.0.113.6:5432) does not answer n2 itself")
	})
	t.Run("the node itself could not ask", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) { facttest.LostAt(s, 2, fact.Timeout, fact.ProbeError) }, id, check.Unknown, "was not found out")
	})
}
