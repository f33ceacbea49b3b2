package facttest

import (
	"net/netip"
	"slices"
	"time"

	"fairway/internal/fact"
)

// DB and DBAddr are a place outside the Swarm.
const DB = "db.example.com"

// DBAddr is the address and port of DB.
var DBAddr = netip.MustParseAddrPort("203.0.113.5:5432")

// Outside makes the question of a snapshot one about a place outside the Swarm:
// every task of web asks for its name and connects, and so does every node, and
// all is well.
func Outside(s *fact.Snapshot) *fact.Snapshot {
	s.Question = fact.Question{From: "web", To: DB, Port: DBAddr.Port(), Proto: "tcp"}
	s.Seen = fact.Seen{}
	for i := 1; i <= 3; i++ {
		n := NodeOf(s, i)
		if n == nil {
			continue
		}
		for name, addrs := range map[string][]netip.Addr{"tasks.web": {WebIP(1), WebIP(2), WebIP(3)}, "web": {WebIP(1), WebIP(2), WebIP(3)}, DB: {DBAddr.Addr()}} {
			s.Seen.DNS = append(s.Seen.DNS, fact.DNSProbe{From: Source(i), Server: netip.MustParseAddrPort("127.0.0.11:53"), Name: name, Type: "A",
				Outcome: fact.Open, RCode: "NOERROR", Addrs: slices.Clone(addrs), TTL: 60 * time.Second, RTT: 900 * time.Microsecond})
		}
		s.Seen.TCP = append(s.Seen.TCP, fact.TCPProbe{From: Source(i), Target: DBAddr, Outcome: fact.Open, RTT: 4 * time.Millisecond, Tries: 1, At: Taken})
		s.Seen.Peers = append(s.Seen.Peers, fact.PeerProbe{Node: n.Name, What: fact.WhatOutside, Target: DBAddr, Outcome: fact.Open, RTT: 4 * time.Millisecond})
	}
	slices.SortStableFunc(s.Seen.DNS, func(a, b fact.DNSProbe) int {
		return slices.Compare([]string{a.From.Node, b.Name}, []string{b.From.Node, a.Name})
	})
	s.Seen.Made = len(s.Seen.TCP) + len(s.Seen.Peers)
	return s
}

// UnnamedAt makes the question of node i's task for DB end so, without an address;
// an empty code means silence.
func UnnamedAt(s *fact.Snapshot, i int, rcode string) {
	for k := range s.Seen.DNS {
		if d := &s.Seen.DNS[k]; d.Name == DB && d.From == Source(i) {
			d.RCode, d.Addrs, d.TTL = rcode, nil, 0
			if rcode == "" {
				d.Outcome = fact.Timeout
			}
		}
	}
	s.Seen.TCP = slices.DeleteFunc(s.Seen.TCP, func(p fact.TCPProbe) bool { return p.From == Source(i) })
}

// LostAt makes the connection of node i's task to DBAddr end so; and that of its
// host, if host is not empty.
func LostAt(s *fact.Snapshot, i int, task, host fact.Outcome) {
	for k := range s.Seen.TCP {
		if p := &s.Seen.TCP[k]; p.From == Source(i) && p.Target == DBAddr {
			p.Outcome, p.RTT, p.Tries = task, 0, 2
		}
	}
	for k := range s.Seen.Peers {
		if p := &s.Seen.Peers[k]; p.Node == Source(i).Node && p.What == fact.WhatOutside && host != "" {
			p.Outcome, p.RTT = host, 0
		}
	}
}
