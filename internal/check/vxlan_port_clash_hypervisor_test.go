package check_test

import (
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// The hypervisor itself cannot be injected here. The lab drops the one port on
// the wire and gives a host a second vxlan link; what DMI says of VMware is
// proven by these mutations only.

// onlyPort loses the data path port on the wire between nodes i and k, both ways.
func onlyPort(s *fact.Snapshot, i, k int) { between(s, i, k, swallow, swallow) }

func vmware(s *fact.Snapshot, nodes ...int) {
	for i := 1; i <= 3; i++ {
		facttest.NodeOf(s, i).Kernel.Vendor = "QEMU"
	}
	for _, i := range nodes {
		facttest.NodeOf(s, i).Kernel.Vendor = "VMware, Inc."
	}
}

func TestVXLANPortClash(t *testing.T) {
	id := "vxlan-port-clash-hypervisor"
	mutations(t, []mutation{
		{name: "one pair, on VMware", mutate: func(s *fact.Snapshot) {
			vmware(s, 1, 3)
			onlyPort(s, 1, 3)
		}, want: want{id: id, node: "n1", peer: "n3", subject: "n3", certainty: check.Strong}, explain: 1},
		{name: "one node, on VMware", mutate: func(s *fact.Snapshot) {
			vmware(s, 3)
			onlyPort(s, 1, 3)
			onlyPort(s, 2, 3)
		}, want: want{id: id, node: "n3", subject: "n3", certainty: check.Strong}, explain: 1},
		{name: "another overlay's link on the host", mutate: func(s *fact.Snapshot) {
			vmware(s)
			onlyPort(s, 1, 3)
			host := facttest.NodeOf(s, 3).Kernel.Host()
			host.Links = append(host.Links, fact.Link{Index: 40, Name: "cilium_vxlan", Kind: "vxlan", Up: true, VXLAN: &fact.VXLAN{ID: 1, Port: 4789}})
		}, want: want{id: id, node: "n1", peer: "n3"}, explain: 1},
		{name: "nobody else to blame: a firewall on the way", mutate: func(s *fact.Snapshot) {
			vmware(s)
			onlyPort(s, 1, 3)
		}, want: want{id: "underlay-vxlan-udp-blocked", node: "n1", peer: "n3"}, check: id, answer: check.OK},
		{name: "whose machines these are is not known", mutate: func(s *fact.Snapshot) { onlyPort(s, 1, 3) },
			want: want{id: "underlay-vxlan-udp-blocked", node: "n1", peer: "n3"}, check: id, answer: check.Unknown},
		{name: "the port beside is lost, too", mutate: func(s *fact.Snapshot) {
			vmware(s, 1, 3)
			loseVXLAN(s, 1, 3)
			datagrams(s, 1, 3, 0, swallow, swallow)
			datagrams(s, 3, 1, 0, swallow, swallow)
		}, want: want{id: "underlay-vxlan-udp-blocked", node: "n1", peer: "n3"}, check: id, answer: check.OK},
		{name: "the receiver's own firewall", mutate: func(s *fact.Snapshot) {
			vmware(s, 1, 3)
			between(s, 1, 3, noInput, arrives)
		}, want: want{id: "underlay-vxlan-udp-blocked", node: "n3", peer: "n1"}, check: id, answer: check.OK},
	})
}

func TestBlockedPortAloneIsSaid(t *testing.T) {
	s := facttest.Healthy()
	onlyPort(s, 1, 3)
	if m := run(t, s).Causes[0].Message; !strings.Contains(m, "UDP 4790 beside it passes") {
		t.Errorf("message %q", m)
	}
}
