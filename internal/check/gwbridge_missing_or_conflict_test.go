package check_test

import (
	"net/netip"
	"slices"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// dropBridge takes node i's gateway bridge away as `ip link del` does: its ports
// are left without master, its address and routes go.
func dropBridge(s *fact.Snapshot, i int) {
	host := facttest.NodeOf(s, i).Kernel.Host()
	host.Links = slices.DeleteFunc(host.Links, func(l fact.Link) bool { return l.Name == "docker_gwbridge" })
	host.Routes = slices.DeleteFunc(host.Routes, func(r fact.Route) bool { return r.Link == 3 })
	for k := range host.Links {
		host.Links[k].Master = 0
	}
}

func gwLink(s *fact.Snapshot, i int) *fact.Link {
	return facttest.NodeOf(s, i).Kernel.Host().LinkNamed("docker_gwbridge")
}

func TestGwbridgeMissing(t *testing.T) {
	id := "gwbridge-missing-or-conflict"
	w := want{id: id, node: "n2", subject: "n2", certainty: check.Strong}
	t.Run("deleted", func(t *testing.T) {
		beside(t, func(s *fact.Snapshot) { dropBridge(s, 2) }, w, "ip link set vethgwa up master docker_gwbridge")
	})
	t.Run("down", func(t *testing.T) {
		beside(t, func(s *fact.Snapshot) { gwLink(s, 2).Up = false }, w, "ip link set docker_gwbridge up")
	})
	t.Run("another address", func(t *testing.T) {
		beside(t, func(s *fact.Snapshot) { gwLink(s, 2).Addrs[0] = netip.MustParsePrefix("172.18.0.2/16") }, w, "ip addr add 172.18.0.1/16 dev docker_gwbridge")
	})
	t.Run("no such network", func(t *testing.T) {
		beside(t, func(s *fact.Snapshot) {
			e := facttest.NodeOf(s, 2).Engine
			e.Networks = slices.DeleteFunc(e.Networks, func(n fact.EngineNetwork) bool { return n.Name == "docker_gwbridge" })
		}, w, "docker network create")
	})
	t.Run("published port", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) { dropBridge(s, 2) }), id, "ip link set vethgwc up master docker_gwbridge")
	})
	t.Run("internal networks need none", func(t *testing.T) {
		r := checked(t, func(s *fact.Snapshot) {
			for i := range s.Wanted.Networks {
				s.Wanted.Networks[i].Internal = true
			}
			for i := range s.Nodes {
				for k := range s.Nodes[i].Engine.Networks {
					s.Nodes[i].Engine.Networks[k].Internal = s.Nodes[i].Engine.Networks[k].Driver == "overlay"
				}
			}
			dropBridge(s, 2)
		})
		wantAnswer(t, r, id, check.OK)
		wantAnswer(t, r, "egress-gwbridge-broken", check.OK)
	})
	t.Run("links unread", func(t *testing.T) {
		s := meshAsked("26.1.5")
		s.Gaps = append(s.Gaps, fact.Gap{Node: "n2", Kind: fact.KindLinks, Class: fact.ClassPermission, Reason: "read links: operation not permitted"})
		portUnknown(t, s, id, "operation not permitted")
	})
}
