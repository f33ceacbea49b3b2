package check_test

import (
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// otherVIP makes node i believe in, serve and answer with another address of api.
func otherVIP(s *fact.Snapshot, i int) {
	a := netip.MustParseAddr("10.0.1.200")
	net := facttest.NodeOf(s, i).Engine.Network(facttest.App)
	for k := range net.Services {
		if net.Services[k].Name == "api" {
			net.Services[k].VIP = a
		}
	}
	l := facttest.Balancer(s, i).LinkNamed("eth0")
	for k := range l.Addrs {
		if l.Addrs[k].Addr() == facttest.ApiVIP {
			l.Addrs[k] = netip.PrefixFrom(a, 32)
		}
	}
	mangled(facttest.Balancer(s, i), without("10.0.1.100"))
	mangled(facttest.Balancer(s, i), with("-A INPUT -d 10.0.1.200/32 -j MARK --set-xmark 0x115/0xffffffff"))
	for k := range s.Seen.DNS {
		if p := &s.Seen.DNS[k]; p.Name == "api" && p.From == facttest.Source(i) {
			p.Addrs = []netip.Addr{a}
		}
	}
}

func TestVIPDisagreement(t *testing.T) {
	const id = "vip-disagreement"
	t.Run("one node", func(t *testing.T) {
		c := vipFault(t, vipOnNode2(fact.Unreachable, func(s *fact.Snapshot) { otherVIP(s, 2) }), id, "10.0.1.200")
		if c.Certainty != check.Proof {
			t.Errorf("%+v", c)
		}
	})
	t.Run("gossip tells both, and shows the right one", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Unreachable, func(s *fact.Snapshot) {
			otherVIP(s, 2)
			net := facttest.NodeOf(s, 2).Engine.Network(facttest.App)
			for k := range net.Services {
				if net.Services[k].Name == "api" {
					net.Services[k].VIP = facttest.ApiVIP
				}
			}
		}), id, "10.0.1.200")
	})
	t.Run("two nodes are one fault", func(t *testing.T) {
		s := vipOnNode2(fact.Unreachable, func(s *fact.Snapshot) { otherVIP(s, 2); otherVIP(s, 3) })
		r := run(t, s)
		if len(r.Causes) != 1 || r.Causes[0].ID != id || r.Causes[0].Node != "" || r.Causes[0].Impact != check.ImpactSwarm {
			t.Errorf("causes %s", ids(r.Causes))
		}
	})
	t.Run("no virtual IP at all is another fault", func(t *testing.T) {
		s := vipAsked("26.1.5")
		net := facttest.NodeOf(s, 2).Engine.Network(facttest.App)
		for k := range net.Services {
			net.Services[k].VIP = netip.Addr{}
		}
		wantAnswer(t, run(t, s), id, check.OK)
	})
	vipUnknown(t, id, fact.KindNetworks, fact.KindRules)
}
