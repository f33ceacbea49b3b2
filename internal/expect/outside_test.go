package expect_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// outsideScope resolves the question of a snapshot about a place outside.
func outsideScope(t *testing.T, s *fact.Snapshot) *expect.Scope {
	t.Helper()
	sc, err := expect.Resolve(s)
	if err != nil || sc.Outside == nil {
		t.Fatalf("%+v: %v", sc, err)
	}
	return &sc
}

// TestOutsidePlan: the name is asked for first; then each task connects to what it
// was told, and each node once. Nothing is sent to addresses that are no place.
func TestOutsidePlan(t *testing.T) {
	s := facttest.Outside(facttest.Mesh())
	sc := outsideScope(t, s)
	if p := expect.First(s, sc); len(p.TCP) != 0 || len(p.Peers) != 0 || len(p.DNS) != 9 || p.Leaving != (expect.Share{N: 3, Of: 3}) {
		t.Errorf("first: %+v", p)
	}
	p := expect.FollowUp(s, sc)
	if len(p.TCP) != 3 || len(p.Peers) != 3 || p.Peers[0].What != fact.WhatOutside || p.TCP[0].Target != facttest.DBAddr {
		t.Errorf("follow-up: %+v", p)
	}
	for _, a := range []string{"127.0.0.1", "0.0.0.0", "169.254.169.254", "172.18.7.7"} {
		for k := range s.Seen.DNS {
			if d := &s.Seen.DNS[k]; d.Name == facttest.DB && d.From == facttest.Source(2) {
				d.Addrs = []netip.Addr{netip.MustParseAddr(a)}
			}
		}
		if p := expect.FollowUp(s, sc); len(p.TCP) != 2 || len(p.Peers) != 2 {
			t.Errorf("%s: %+v", a, p.TCP)
		}
	}
	s.Question.To = "203.0.113.5"
	if p := expect.First(s, outsideScope(t, s)); len(p.TCP) != 3 || len(p.Peers) != 3 || len(p.DNS) != 6 {
		t.Errorf("an address: %+v", p)
	}
}

// TestOutsideSamePlaces: name servers turn their list over; all tasks try the same
// addresses of it all the same, in both looks.
func TestOutsideSamePlaces(t *testing.T) {
	s := facttest.Outside(facttest.Mesh())
	for k := range s.Seen.DNS {
		if d := &s.Seen.DNS[k]; d.Name == facttest.DB {
			d.Addrs = nil
			for i := range 6 {
				d.Addrs = append(d.Addrs, netip.AddrFrom4([4]byte{203, 0, 113, byte(10 + (i+k)%6)}))
			}
		}
	}
	tried := map[netip.AddrPort]int{}
	for _, p := range expect.FollowUp(s, outsideScope(t, s)).TCP {
		tried[p.Target]++
	}
	for at, n := range tried {
		if n != 3 {
			t.Errorf("%s is tried by %d of 3 tasks", at, n)
		}
	}
	if len(tried) == 0 {
		t.Error("none is tried")
	}
}

// TestDepartFrom: a rule about one task's address stops that task and no other, and
// the link is that of the narrowest route.
func TestDepartFrom(t *testing.T) {
	s := facttest.Outside(facttest.Mesh())
	n := facttest.NodeOf(s, 2)
	host := n.Kernel.Host()
	host.Links = append(host.Links, fact.Link{Index: 40, Name: "eth9", Up: true})
	host.Routes = append(host.Routes, fact.Route{Link: 2, Gateway: netip.MustParseAddr("10.77.0.1"), Table: 254},
		fact.Route{Dst: netip.MustParsePrefix("203.0.113.0/24"), Link: 40, Table: 254}, fact.Route{Dst: netip.MustParsePrefix("203.0.113.5/32"), Link: 2, Table: 253})
	for task, link := range map[fact.TaskID]string{facttest.Web(2): "eth1", facttest.Api(2): "eth1"} {
		ns := facttest.SandboxOf(s, 2, task)
		w, why := expect.DepartFrom(s, n, ns, facttest.DBAddr, "tcp")
		if why != "" || w.Fate != expect.Accepted || w.Packet.Out != "eth9" || ns.LinkNamed(link).Addrs[0].Addr() != w.Packet.Src {
			t.Errorf("%s: %+v %s", task, w, why)
		}
	}
	if w, why := expect.DepartTo(s, n, netip.MustParseAddr("192.0.2.1"), "udp", 53); why != "" || w.Packet.Out != "eth0" || w.Packet.Proto != 17 {
		t.Errorf("%+v %s", w, why)
	}
	if _, why := expect.DepartFrom(s, n, facttest.SandboxOf(s, 2, facttest.Web(2)), netip.MustParseAddrPort("[2001:db8::5]:443"), "tcp"); why == "" {
		t.Error("walked to IPv6 from an IPv4 address")
	}
}

// TestOutsideNames: what is a place outside, and what is a name of the Swarm.
func TestOutsideNames(t *testing.T) {
	for to, outside := range map[string]bool{"web.example.com": true, "db.": true, "api.": false, "api.2.gone": false, "api.2": false, "web..com": false, "203.0.113.9": true, "x.9": false} {
		s := facttest.Outside(facttest.Mesh())
		s.Question.To = to
		sc, err := expect.Resolve(s)
		if (sc.Outside != nil && err == nil) != outside {
			t.Errorf("%s: %+v, %v", to, sc.Outside, err)
		}
	}
}

// TestSearchDomains: programs find a name within a search domain, and so does the plan.
func TestSearchDomains(t *testing.T) {
	s := facttest.Outside(facttest.Mesh())
	s.Question.To = "intranet."
	for i := 1; i <= 3; i++ {
		facttest.SandboxOf(s, i, facttest.Web(i)).Resolv.Search = []string{"corp.example", "lan."}
	}
	sc := outsideScope(t, s)
	var asked []fact.DNSProbe
	for _, d := range expect.First(s, sc).DNS {
		if d.From == facttest.Source(2) && strings.HasPrefix(d.Name, "intranet") {
			d.Outcome, d.RCode = fact.Open, "NXDOMAIN"
			asked = append(asked, d)
		}
	}
	if len(asked) != 3 || asked[1].Name != "intranet.corp.example" || asked[2].Name != "intranet.lan" {
		t.Fatalf("asked %+v", asked)
	}
	s.Seen = fact.Seen{DNS: asked}
	if u := expect.Unnamed(s, sc); len(u) != 1 || !expect.Searched(s, sc, facttest.Source(2)) {
		t.Errorf("nobody knows it: %+v", u)
	}
	asked[2].RCode, asked[2].Addrs = "NOERROR", []netip.Addr{facttest.DBAddr.Addr()}
	if p := expect.FollowUp(s, sc); len(expect.Unnamed(s, sc)) != 0 || len(p.TCP) != 1 || p.TCP[0].Target != facttest.DBAddr {
		t.Errorf("found within a search domain: %+v", p.TCP)
	}
	asked[2].Outcome, asked[2].Addrs = fact.Timeout, nil
	if expect.Searched(s, sc, facttest.Source(2)) {
		t.Error("a domain about which there was no answer counts as searched")
	}
	s.Question.To = "intranet.corp."
	if p := expect.First(s, outsideScope(t, s)); slices.ContainsFunc(p.DNS, func(d fact.DNSProbe) bool { return d.Name == "intranet.corp.lan" }) {
		t.Error("a name that is whole was looked for within a domain")
	}
}

// TestOutsideWithinAnOverlay: an address within a network that FROM is not on may
// well be outside for it.
func TestOutsideWithinAnOverlay(t *testing.T) {
	s := facttest.Outside(facttest.Mesh())
	s.Wanted.Networks = append(s.Wanted.Networks, fact.Network{ID: "elsewhere", Name: "elsewhere", Driver: "overlay",
		Subnets: []fact.Subnet{{Prefix: netip.MustParsePrefix("10.9.0.0/24")}}})
	s.Question.To = "10.9.0.7"
	if sc, err := expect.Resolve(s); err != nil || sc.Outside == nil {
		t.Errorf("within a network of others: %+v, %v", sc.Outside, err)
	}
	s.Question.To = "10.0.1.200"
	var name *expect.NameError
	if _, err := expect.Resolve(s); !errors.As(err, &name) || !strings.Contains(err.Error(), "which FROM is on") {
		t.Errorf("within its own: %v", err)
	}
}
