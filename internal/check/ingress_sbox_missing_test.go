package check_test

import (
	"slices"
	"testing"

	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestIngressSboxMissing(t *testing.T) {
	t.Run("gone", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			k := facttest.NodeOf(s, 2).Kernel
			k.Namespaces = slices.DeleteFunc(k.Namespaces, func(n fact.NetNS) bool { return n.Role == fact.RoleIngress })
		}), "ingress-sbox-missing", "systemctl restart docker")
	})
	t.Run("gateway leg down", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) { facttest.IngressSandbox(s, 2).LinkNamed("eth1").Up = false }), "ingress-sbox-missing", "ip link set eth1 up && ip route replace default via 172.18.0.1")
	})
	t.Run("gateway leg gone", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			ns := facttest.IngressSandbox(s, 2)
			ns.Links = slices.DeleteFunc(ns.Links, func(l fact.Link) bool { return l.Name == "eth1" })
		}), "ingress-sbox-missing", "systemctl restart docker")
	})
	t.Run("overlay leg down", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) { facttest.IngressSandbox(s, 2).LinkNamed("eth0").Up = false }), "ingress-sbox-missing", "ip link set eth0 up")
	})
	t.Run("unread", func(t *testing.T) {
		s := meshAsked("26.1.5")
		s.Gaps = append(s.Gaps, fact.Gap{Node: "n2", Kind: fact.KindLinks, NetNS: "ingress_sbox", Class: fact.ClassPermission, Reason: "read links: operation not permitted"})
		portUnknown(t, s, "ingress-sbox-missing", "operation not permitted")
	})
}
