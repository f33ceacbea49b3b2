package check_test

import (
	"net/netip"
	"slices"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// enclose makes app internal, and gives node i's task of web no second leg.
func enclose(s *fact.Snapshot, i int) {
	s.Wanted.Network(facttest.App).Internal = true
	facttest.NodeOf(s, i).Engine.Network(facttest.App).Internal = true
	dropDefault(s, i)
	ns := facttest.SandboxOf(s, i, facttest.Web(i))
	ns.Links = slices.DeleteFunc(ns.Links, func(l fact.Link) bool { return l.Name == "eth1" })
	facttest.LostAt(s, i, fact.Unreachable, "")
}

func TestInternalNetwork(t *testing.T) {
	id := "internal-network-no-egress"
	web := want{id: id, subject: "web", certainty: check.Proof}
	t.Run("tasks have no way out", func(t *testing.T) {
		leavingFault(t, everywhere(enclose), web, "by design", "(app)", "--network-add NETWORK web", "all tasks of web", "n2: routes of web.2", "no default route", "203.0.113.5:5432): unreachable")
	})
	for _, rcode := range []string{"SERVFAIL", "NXDOMAIN", ""} {
		t.Run("names do not resolve: "+rcode, func(t *testing.T) {
			leavingFault(t, everywhere(func(s *fact.Snapshot, i int) {
				enclose(s, i)
				facttest.UnnamedAt(s, i, rcode)
			}), web, "no address")
		})
	}
	t.Run("and their engines log it", func(t *testing.T) {
		leavingFault(t, everywhere(func(s *fact.Snapshot, i int) {
			enclose(s, i)
			facttest.UnnamedAt(s, i, "SERVFAIL")
			silentServer(s, i, 4)
		}), web, "dns-upstream-unreachable")
	})
	t.Run("another network leads out", func(t *testing.T) {
		leavingAnswer(t, everywhere(func(s *fact.Snapshot, i int) {
			enclose(s, i)
			net := app2()
			s.Wanted.Networks = append(s.Wanted.Networks, net)
			w := s.Wanted.Task(facttest.Web(i))
			w.Addresses = append(w.Addresses, fact.TaskAddress{Network: net.ID})
		}), id, check.OK, "")
	})
	t.Run("somebody gave them a way out", func(t *testing.T) {
		leavingAnswer(t, everywhere(func(s *fact.Snapshot, i int) {
			s.Wanted.Network(facttest.App).Internal = true
		}), id, check.OK, "")
	})
	t.Run("on ingress, too, and its routes were not seen", func(t *testing.T) {
		leavingAnswer(t, everywhere(func(s *fact.Snapshot, i int) {
			s.Wanted.Network(facttest.App).Internal = true
			w, ingress := s.Wanted.Task(facttest.Web(i)), slices.IndexFunc(s.Wanted.Networks, func(n fact.Network) bool { return n.Ingress })
			w.Addresses = append(w.Addresses, fact.TaskAddress{Network: s.Wanted.Networks[ingress].ID, Addr: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(100 + i)}), 24)})
			facttest.Miss(s, i, fact.KindRoutes)
			facttest.LostAt(s, i, fact.Timeout, fact.Open)
		}), id, check.Unknown, "on internal networks and on ingress, and its routes were not seen")
	})
	t.Run("a network nobody knows", func(t *testing.T) {
		leavingAnswer(t, everywhere(func(s *fact.Snapshot, i int) {
			enclose(s, i)
			w := s.Wanted.Task(facttest.Web(i))
			w.Addresses = append(w.Addresses, fact.TaskAddress{Network: "gone"})
		}), id, check.Unknown, "one that nobody knows")
	})
}

// app2 is a network that leads out.
func app2() fact.Network {
	return fact.Network{ID: "netfront000000000000000000", Name: "front", Driver: "overlay", Scope: "swarm"}
}
