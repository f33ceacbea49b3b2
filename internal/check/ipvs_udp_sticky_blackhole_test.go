package check_test

import (
	"net/netip"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// sticky is web asking api over UDP by its virtual IP, twice, with a flow on node
// 2 that leads to a backend.
func sticky(to netip.Addr, change func(s *fact.Snapshot)) *fact.Snapshot {
	look := func() *fact.Snapshot {
		s := facttest.Mesh()
		s.Question = fact.Question{From: "web", To: "api", Port: 514, Proto: "udp"}
		s.Seen = fact.Seen{Peers: s.Seen.Peers}
		for i := 1; i <= 3; i++ {
			box := facttest.NodeOf(s, i).Kernel.Sandbox(facttest.Container(facttest.Api(i)))
			box.Sockets = append(box.Sockets, fact.Socket{Proto: "udp", Local: netip.MustParseAddrPort("[::]:514")})
		}
		ns := facttest.Balancer(s, 2)
		setSysctl(ns, "net.ipv4.vs.expire_nodest_conn", "0")
		ns.IPVS.Stranded = []fact.StrandedFlow{{Client: netip.AddrPortFrom(facttest.WebIP(2), 40000), Virtual: netip.AddrPortFrom(facttest.ApiVIP, 514),
			Backend: netip.AddrPortFrom(to, 514), Left: 287 * time.Second}}
		change(s)
		return s
	}
	s := look()
	s.Earlier = look()
	return s
}

var goneIP = netip.AddrFrom4([4]byte{10, 0, 1, 77})

func TestIPVSUDPSticky(t *testing.T) {
	wantCause(t, run(t, sticky(goneIP, func(*fact.Snapshot) {})), want{id: "ipvs-udp-sticky-blackhole", node: "n2", certainty: check.Strong})
}

func TestIPVSUDPStickyIsNot(t *testing.T) {
	for name, s := range map[string]*fact.Snapshot{
		"a backend that is there":      sticky(facttest.ApiIP(1), func(*fact.Snapshot) {}),
		"the kernel forgets by itself": sticky(goneIP, func(s *fact.Snapshot) { setSysctl(facttest.Balancer(s, 2), "net.ipv4.vs.expire_nodest_conn", "1") }),
		"TCP is asked":                 sticky(goneIP, func(s *fact.Snapshot) { s.Question.Proto = "tcp" }),
		"another service's": sticky(goneIP, func(s *fact.Snapshot) {
			facttest.Balancer(s, 2).IPVS.Stranded[0].Virtual = netip.AddrPortFrom(facttest.WebVIP, 514)
		}),
	} {
		for _, c := range run(t, s).Causes {
			if c.ID == "ipvs-udp-sticky-blackhole" {
				t.Errorf("%s: %s", name, c.Message)
			}
		}
	}
}

func TestIPVSUDPStickyUnknown(t *testing.T) {
	s := sticky(goneIP, func(s *fact.Snapshot) { facttest.Miss(s, 2, fact.KindIPVS) })
	wantAnswer(t, run(t, s), "ipvs-udp-sticky-blackhole", check.Unknown)
}
