package check_test

import (
	"net/netip"
	"slices"
	"testing"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// asksServers notes which servers node i's task of web has its questions passed on to.
func asksServers(s *fact.Snapshot, i int, servers ...string) {
	r := facttest.SandboxOf(s, i, facttest.Web(i)).Resolv
	r.Upstream = nil
	for _, a := range servers {
		r.Upstream = append(r.Upstream, netip.MustParseAddr(a))
	}
}

func TestOutsideNameUnknown(t *testing.T) {
	id := "outside-name-unknown"
	t.Run("nowhere", func(t *testing.T) {
		leavingFault(t, everywhere(func(s *fact.Snapshot, i int) {
			facttest.UnnamedAt(s, i, "NXDOMAIN")
			asksServers(s, i, "192.0.2.53")
		}), want{id: id, subject: "web", certainty: check.Strong}, "there is no db.example.com, whichever node asks", "NXDOMAIN", "192.0.2.53", "db.example.com: no address (NXDOMAIN)", "dig")
	})
	t.Run("no A record", func(t *testing.T) {
		leavingFault(t, everywhere(func(s *fact.Snapshot, i int) { facttest.UnnamedAt(s, i, "NOERROR") }),
			want{id: id, subject: "web", certainty: check.Strong}, "know no IPv4 address of db.example.com")
	})
	t.Run("on one node, whose servers are others", func(t *testing.T) {
		leavingFault(t, func(s *fact.Snapshot) {
			facttest.UnnamedAt(s, 2, "NXDOMAIN")
			asksServers(s, 1, "192.0.2.53")
			asksServers(s, 2, "198.51.100.53")
		}, want{id: id, node: "n2", subject: "n2", certainty: check.Strong}, "on n1, n3 they are told one: the servers disagree", "198.51.100.53", "203.0.113.5",
			"docker service update --dns-add 192.0.2.53 web", "all tasks of web")
	})
	t.Run("nowhere, but programs look further", func(t *testing.T) {
		leavingFault(t, everywhere(func(s *fact.Snapshot, i int) {
			facttest.SandboxOf(s, i, facttest.Web(i)).Resolv.Search = []string{"corp.example"}
			facttest.UnnamedAt(s, i, "NXDOMAIN")
		}), want{id: id, subject: "web", certainty: check.Hint}, "there is no db.example.com", "within corp.example")
	})
	t.Run("on the default bridge there is no resolver to ask", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			n := facttest.NodeOf(s, 2)
			n.Engine.Networks = append(n.Engine.Networks, fact.EngineNetwork{Instantiated: true, Network: fact.Network{ID: "netbridge", Name: "bridge", Driver: "bridge", Scope: "local"}})
			n.Engine.Containers = append(n.Engine.Containers, fact.Container{ID: "c0ffee00c0ffee00", Name: "tool", State: "running", SandboxKey: "/var/run/docker/netns/c0ffee",
				Endpoints: []fact.ContainerEndpoint{{Network: "netbridge", NetworkName: "bridge", Addr: netip.MustParsePrefix("172.17.0.2/16")}}})
			n.Kernel.Namespaces = append(n.Kernel.Namespaces, fact.NetNS{Name: "c0ffee", Role: fact.RoleContainer, Containers: []fact.ContainerID{"c0ffee00c0ffee00"}})
			s.Question.From, s.Seen = "tool", fact.Seen{}
			sc, err := expect.Resolve(s)
			if asked := expect.First(s, &sc).DNS; err != nil || len(asked) > 0 {
				t.Errorf("asked: %+v, %v", asked, err)
			}
		}, id, check.Unknown, "tool on n2 asks")
	})
	t.Run("all know it", func(t *testing.T) { leavingAnswer(t, func(*fact.Snapshot) {}, id, check.OK, "") })
	t.Run("unasked", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) { facttest.MissAll(s, fact.KindDNS) }, id, check.Unknown, "")
	})
	t.Run("another server is asked", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			facttest.SandboxOf(s, 2, facttest.Web(2)).Resolv.Nameservers = []netip.Addr{netip.MustParseAddr("192.0.2.9")}
		}, id, check.Unknown, "web.2 on n2 asks 192.0.2.9 and not the engine's resolver")
	})
	t.Run("the name leads to the task itself", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			led(s, 2, netip.MustParseAddr("127.0.0.1"))
			s.Seen.TCP = slices.DeleteFunc(s.Seen.TCP, func(p fact.TCPProbe) bool { return p.From == facttest.Source(2) })
		}, id, check.Unknown, "127.0.0.1, says the resolver of web.2 on n2: no place outside")
	})
	t.Run("the name is somebody's inside", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) { led(s, 2, facttest.ApiIP(3)) }, id, check.Unknown, "10.0.1.23 on network app: no place outside")
	})
}

// led makes the name of the place outside lead node i's task to an address, which
// its connection does not reach.
func led(s *fact.Snapshot, i int, a netip.Addr) {
	for k := range s.Seen.DNS {
		if d := &s.Seen.DNS[k]; d.Name == facttest.DB && d.From == facttest.Source(i) {
			d.Addrs = []netip.Addr{a}
		}
	}
	for k := range s.Seen.TCP {
		if p := &s.Seen.TCP[k]; p.From == facttest.Source(i) {
			p.Target, p.Outcome, p.RTT = netip.AddrPortFrom(a, p.Target.Port()), fact.Timeout, 0
		}
	}
	for k := range s.Seen.Peers {
		if p := &s.Seen.Peers[k]; p.Node == facttest.Source(i).Node && p.What == fact.WhatOutside {
			p.Target = netip.AddrPortFrom(a, p.Target.Port())
		}
	}
}
