package expect_test

import (
	"errors"
	"net/netip"
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
