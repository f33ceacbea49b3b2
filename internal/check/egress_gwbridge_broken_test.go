package check_test

import (
	"slices"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func dropDefault(s *fact.Snapshot, i int) {
	ns := facttest.SandboxOf(s, i, facttest.Web(i))
	ns.Routes = slices.DeleteFunc(ns.Routes, func(r fact.Route) bool { return !r.Dst.IsValid() })
}

func TestEgressBroken(t *testing.T) {
	id := "egress-gwbridge-broken"
	task := want{id: id, node: "n2", subject: string(facttest.Web(2)), certainty: check.Strong}
	t.Run("no default route", func(t *testing.T) {
		beside(t, func(s *fact.Snapshot) { dropDefault(s, 2) }, task, "ip route add default via 172.18.0.1 dev eth1")
	})
	t.Run("its end is not on the bridge", func(t *testing.T) {
		beside(t, func(s *fact.Snapshot) { facttest.NodeOf(s, 2).Kernel.Host().LinkNamed("vethgwb").Master = 0 }, task, "ip link set vethgwb up master docker_gwbridge")
	})
	t.Run("no second leg at all", func(t *testing.T) {
		beside(t, func(s *fact.Snapshot) {
			dropDefault(s, 2)
			ns := facttest.SandboxOf(s, 2, facttest.Web(2))
			ns.Links = slices.DeleteFunc(ns.Links, func(l fact.Link) bool { return l.Name == "eth1" })
		}, task, "docker rm -f")
	})
	t.Run("no masquerade", func(t *testing.T) {
		beside(t, func(s *fact.Snapshot) { saved(s, 2, without("-s 172.18.0.0/16"), "nat") },
			want{id: id, node: "n2", subject: "n2", certainty: check.Strong}, "iptables -t nat -A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE")
	})
	for name, break1 := range map[string]func(*fact.Snapshot){
		"told to leave addresses alone": func(s *fact.Snapshot) {
			saved(s, 2, without("-s 172.18.0.0/16"), "nat")
			for k := range facttest.NodeOf(s, 2).Engine.Networks {
				facttest.NodeOf(s, 2).Engine.Networks[k].NoMasquerade = true
			}
		},
		"masquerade by somebody else's rule": func(s *fact.Snapshot) {
			saved(s, 2, without("-s 172.18.0.0/16"), "nat")
			saved(s, 2, with("-A POSTROUTING -o eth0 -j MASQUERADE"), "nat")
		},
	} {
		t.Run(name, func(t *testing.T) { wantAnswer(t, checked(t, break1), id, check.OK) })
	}
	t.Run("a target that is not understood", func(t *testing.T) {
		r := checked(t, func(s *fact.Snapshot) {
			saved(s, 2, without("-s 172.18.0.0/16"), "nat")
			c := facttest.NodeOf(s, 2).Kernel.Host().Netfilter.Table(fact.Legacy, "ip", "nat").Chain("POSTROUTING")
			c.Rules = append(c.Rules, fact.Rule{Number: len(c.Rules) + 1, Target: fact.Target{Kind: fact.TargetOpaque, Text: "NETMAP"}})
		})
		wantAnswer(t, r, id, check.Unknown)
	})
	t.Run("routes unread", func(t *testing.T) {
		s := facttest.Whole(facttest.Healthy())
		facttest.Miss(s, 2, fact.KindRoutes)
		wantAnswer(t, run(t, s), id, check.Unknown)
	})
}
