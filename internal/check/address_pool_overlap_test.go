package check_test

import (
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// routeTo gives node i's host a route to a range, out of a link.
func routeTo(s *fact.Snapshot, i int, dst string, link int) {
	ns := facttest.NodeOf(s, i).Kernel.Host()
	ns.Routes = append(ns.Routes, fact.Route{Dst: netip.MustParsePrefix(dst), Link: link, Table: 254, Type: 1})
}

func TestAddressPoolOverlap(t *testing.T) {
	id := "address-pool-overlap"
	mutations(t, []mutation{
		{name: "a range of the company within the overlay", mutate: func(s *fact.Snapshot) { routeTo(s, 1, "10.0.1.128/25", 2) },
			want: want{id: id, node: "n1", subject: "app", certainty: check.Strong}},
		{name: "the same range", mutate: func(s *fact.Snapshot) { routeTo(s, 2, "10.0.1.0/24", 2) }, want: want{id: id, node: "n2", subject: "app"}},
		{name: "within the gateway bridge", mutate: func(s *fact.Snapshot) { routeTo(s, 3, "172.18.5.0/24", 2) },
			want: want{id: id, node: "n3", subject: "docker_gwbridge", certainty: check.Strong}},
		{name: "a name server within the overlay", mutate: func(s *fact.Snapshot) {
			r := facttest.SandboxOf(s, 1, facttest.Web(1)).Resolv
			r.Upstream = []netip.Addr{netip.MustParseAddr("10.0.1.53")}
		}, want: want{id: id, node: "n1", subject: "app", certainty: check.Proof}},
		{name: "a node within the gateway bridge of another", mutate: func(s *fact.Snapshot) {
			facttest.NodeOf(s, 1).Engine.Networks[0].Subnets[0].Prefix = netip.MustParsePrefix("10.77.0.0/16")
		}, want: want{id: id, node: "n1", subject: "docker_gwbridge", certainty: check.Proof}},
		{name: "a wider route: the network is a part of it that nobody else uses", mutate: func(s *fact.Snapshot) { routeTo(s, 1, "10.0.0.0/8", 2) }, check: id, answer: check.OK},
		{name: "the default route", mutate: func(s *fact.Snapshot) {
			ns := facttest.NodeOf(s, 1).Kernel.Host()
			ns.Routes = append(ns.Routes, fact.Route{Gateway: netip.MustParseAddr("10.77.0.1"), Link: 2, Table: 254})
		}, check: id, answer: check.OK},
		{name: "the engine's own bridge", mutate: func(s *fact.Snapshot) { routeTo(s, 1, "172.18.0.0/16", 3) }, check: id, answer: check.OK},
		{name: "link-local", mutate: func(s *fact.Snapshot) { routeTo(s, 1, "169.254.0.0/16", 2) }, check: id, answer: check.OK},
	})
}

// TestPlaceWithinANetwork: the place that is asked about has an address that a
// network of the engine's takes for its own.
func TestPlaceWithinANetwork(t *testing.T) {
	id := "address-pool-overlap"
	to := func(a string) func(*fact.Snapshot) {
		return func(s *fact.Snapshot) {
			if s.Question.To == facttest.DB {
				led(s, 2, netip.MustParseAddr(a))
			}
		}
	}
	bridge := fact.EngineNetwork{Instantiated: true, Network: fact.Network{ID: "netother", Name: "other", Driver: "bridge", Scope: "local",
		Subnets: []fact.Subnet{{Prefix: netip.MustParsePrefix("192.168.0.0/20")}}}}
	for _, c := range []struct{ addr, net, relief string }{
		{"172.18.7.7", "docker_gwbridge", "drain it"},
		{"10.0.1.200", "app", "docker network create -d overlay"},
		{"192.168.3.3", "other", "docker network rm other"},
	} {
		t.Run(c.net, func(t *testing.T) {
			leavingFault(t, func(s *fact.Snapshot) {
				to(c.addr)(s)
				e := facttest.NodeOf(s, 2).Engine
				e.Networks = append(e.Networks, bridge)
			}, want{id: id, node: "n2", subject: c.net, certainty: check.Proof}, c.addr+" of db.example.com, which is asked about, on n2", c.relief, "ip route get "+c.addr+";", c.addr+":5432): timeout")
		})
	}
	t.Run("by its address", func(t *testing.T) {
		s := asking(to("172.18.7.7"))
		s.Question.To, s.Earlier.Question.To = "172.18.7.7", "172.18.7.7"
		if r := run(t, s); len(r.Causes) != 3 || r.Causes[2].ID != id {
			t.Errorf("causes %s", ids(r.Causes))
		}
	})
	for name, f := range map[string]func(*fact.Snapshot){
		"the host's own address": to("172.18.0.1"),
		"somebody has it":        to(facttest.ApiIP(1).String()),
		"it answers": func(s *fact.Snapshot) {
			to("172.18.7.7")(s)
			for k := range s.Seen.TCP {
				s.Seen.TCP[k].Outcome = fact.Open
			}
		},
		"an overlay that its tasks are not on": func(s *fact.Snapshot) {
			to("192.168.3.3")(s)
			e, net := facttest.NodeOf(s, 2).Engine, bridge
			net.Driver = "overlay"
			e.Networks = append(e.Networks, net)
		},
	} {
		t.Run(name, func(t *testing.T) { leavingAnswer(t, f, id, check.OK, "") })
	}
}
