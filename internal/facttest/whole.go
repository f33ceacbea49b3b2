package facttest

import (
	"net/netip"
	"time"

	"fairway/internal/fact"
)

// Whole makes the question of a snapshot that of `fairway check`: everything is
// asked about, and api's tasks try web's, too, on 8080, and find everything well.
func Whole(s *fact.Snapshot, services ...string) *fact.Snapshot {
	s.Question = fact.Question{All: true, Services: services}
	for i := 1; i <= 3; i++ {
		n := NodeOf(s, i)
		if n == nil {
			continue
		}
		src := fact.Source{Node: n.Name, Container: Container(Api(i)), Task: Api(i), NetNS: Sandbox(Api(i))}
		for _, name := range []string{"tasks.web", "web"} {
			s.Seen.DNS = append(s.Seen.DNS, fact.DNSProbe{From: src, Server: netip.MustParseAddrPort("127.0.0.11:53"), Name: name, Type: "A",
				Outcome: fact.Open, RCode: "NOERROR", Addrs: []netip.Addr{WebIP(1), WebIP(2), WebIP(3)}, TTL: 600 * time.Second, RTT: 200 * time.Microsecond})
		}
		for k := 1; k <= 3; k++ {
			s.Seen.TCP = append(s.Seen.TCP, fact.TCPProbe{From: src, To: Web(k), Network: App, Target: netip.AddrPortFrom(WebIP(k), 8080),
				Outcome: fact.Open, RTT: 300 * time.Microsecond, Tries: 1, At: Taken})
			s.Seen.Made++
			if k != i {
				s.Seen.MTU = append(s.Seen.MTU, fact.MTUProbe{From: src, To: Web(k), Network: App, Target: WebIP(k), MTU: 1450, Passed: 1450})
			}
		}
	}
	return s
}
