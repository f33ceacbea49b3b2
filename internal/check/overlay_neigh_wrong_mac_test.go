package check_test

import (
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// remember gives an address another MAC address in a neighbour table.
func remember(ns *fact.NetNS, ip netip.Addr, mac fact.MAC) {
	for k := range ns.Neighbours {
		if ns.Neighbours[k].IP == ip {
			ns.Neighbours[k].MAC = mac
		}
	}
}

func TestOverlayNeighWrongMAC(t *testing.T) {
	ip, wrong := facttest.ApiIP(2), fact.MAC{2, 0x42, 0xde, 0xad, 0, 1}
	mutations(t, []mutation{
		{name: "the engine's row survived", mutate: func(s *fact.Snapshot) {
			remember(facttest.Overlay(s, 1), ip, wrong)
			loseVXLAN(s, 1, 2)
		}, want: want{id: "overlay-neigh-wrong-mac", node: "n1", peer: "n2", subject: string(facttest.Api(2)), certainty: check.Proof}, explain: 1},
		{name: "and its forwarding row went", mutate: func(s *fact.Snapshot) {
			remember(facttest.Overlay(s, 1), ip, wrong)
			dropFDB(s, 1, fact.OverlayMAC(ip))
			loseVXLAN(s, 1, 2)
		}, want: want{id: "overlay-neigh-wrong-mac", node: "n1", peer: "n2"}},
		{name: "the client's own cache is older", mutate: func(s *fact.Snapshot) {
			remember(facttest.SandboxOf(s, 1, facttest.Web(1)), ip, wrong)
			loseVXLAN(s, 1, 2)
		}, want: want{id: "overlay-neigh-wrong-mac", node: "n1", peer: "n2", subject: string(facttest.Api(2)), certainty: check.Proof}},
		{name: "both, told once", mutate: func(s *fact.Snapshot) {
			remember(facttest.Overlay(s, 1), ip, wrong)
			remember(facttest.SandboxOf(s, 1, facttest.Web(1)), ip, wrong)
			loseVXLAN(s, 1, 2)
		}, want: want{id: "overlay-neigh-wrong-mac", node: "n1", peer: "n2"}},
		{name: "the client reached it since", mutate: func(s *fact.Snapshot) {
			remember(facttest.SandboxOf(s, 1, facttest.Web(1)), ip, wrong)
		}, check: "overlay-neigh-wrong-mac", answer: check.OK},
		{name: "a failed look-up has no MAC address", mutate: func(s *fact.Snapshot) {
			ns := facttest.SandboxOf(s, 1, facttest.Web(1))
			for k := range ns.Neighbours {
				ns.Neighbours[k].MAC, ns.Neighbours[k].State = fact.MAC{}, fact.Failed
			}
			facttest.Fail(s, 1, facttest.Api(2), fact.Timeout)
		}, check: "overlay-neigh-wrong-mac", answer: check.OK},
	})
}
