package expect_test

import (
	"net/netip"
	"slices"
	"testing"

	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestArriveAtVIP(t *testing.T) {
	s := facttest.Mesh()
	n, ns := facttest.NodeOf(s, 2), facttest.Balancer(s, 2)
	own := expect.BalancerOwn(s, n, ns, facttest.App)
	if expect.Balancer(n, facttest.App) != ns || own != facttest.LBIP(2) {
		t.Fatalf("balancer %v with %s, want %s", expect.Balancer(n, facttest.App), own, facttest.LBIP(2))
	}
	for vip, want := range map[netip.Addr]uint32{facttest.ApiVIP: facttest.ApiMark(2), facttest.WebVIP: facttest.WebMark(2), netip.MustParseAddr("10.0.1.99"): 0} {
		w := expect.ArriveAtVIP(ns, own, vip, 6, 8080)
		if w.Fate != expect.Accepted || w.Packet.Mark != want {
			t.Errorf("%s: %s with mark %d, want %d", vip, w.Fate, w.Packet.Mark, want)
		}
		if got := expect.MarkedVIPs(ns, want); want != 0 && !slices.Equal(got, []netip.Addr{vip}) {
			t.Errorf("mark %d is of %v, want %s", want, got, vip)
		}
	}
	if got := expect.MarkedVIPs(ns, 0); got != nil {
		t.Errorf("no mark is of %v", got)
	}
}

func TestLeaveBalanced(t *testing.T) {
	s := facttest.Mesh()
	ns := facttest.Balancer(s, 2)
	in := expect.ArriveAtVIP(ns, facttest.LBIP(2), facttest.ApiVIP, 6, 8080)
	out := expect.LeaveBalanced(ns, facttest.LBIP(2), facttest.ApiIP(1), in.Packet)
	if out.Fate != expect.Accepted || out.Packet.Src != facttest.LBIP(2) || out.Packet.Dst != facttest.ApiIP(1) {
		t.Errorf("%s: %s to %s", out.Fate, out.Packet.Src, out.Packet.Dst)
	}
	ns.Netfilter.Table(fact.Legacy, "ip", "nat").Chain("POSTROUTING").Rules = nil
	if out := expect.LeaveBalanced(ns, facttest.LBIP(2), facttest.ApiIP(1), in.Packet); out.Packet.Src == facttest.LBIP(2) {
		t.Error("without a rule the source is translated")
	}
}

// TestBalancerOwnByLinks: an engine that did not answer leaves the prefix length
// to tell a balancer's own address from its virtual IPs.
func TestBalancerOwnByLinks(t *testing.T) {
	s := facttest.Mesh()
	n := facttest.NodeOf(s, 2)
	n.Engine = nil
	if got := expect.BalancerOwn(s, n, facttest.Balancer(s, 2), facttest.App); got != facttest.LBIP(2) {
		t.Errorf("got %s", got)
	}
	if got := expect.SandboxOwn(s, n, facttest.Ingress); got != facttest.IngressLBIP(2) {
		t.Errorf("got %s", got)
	}
	if expect.Balancer(n, "") != nil {
		t.Error("a network without an ID has a balancer")
	}
}
