package check_test

import (
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// makeMTU makes the overlay as if it had been made with the MTU option, or
// encrypted, from the start.
func makeMTU(s *fact.Snapshot, option int, encrypted bool) {
	net := s.Wanted.Network(facttest.App)
	net.MTU, net.Encrypted = option, encrypted
	mtu := expect.OverlayMTU(net)
	for i := 1; i <= 3; i++ {
		facttest.NodeOf(s, i).Engine.Network(facttest.App).Network = *net
		k := facttest.NodeOf(s, i).Kernel
		for n := range k.Namespaces {
			for l := range k.Namespaces[n].Links {
				if link := &k.Namespaces[n].Links[l]; link.MTU == 1450 {
					link.MTU = mtu
				}
			}
		}
	}
	for i := range s.Seen.MTU {
		s.Seen.MTU[i].MTU, s.Seen.MTU[i].Passed = mtu, mtu
	}
}

// nodeMTU sets every link of the overlay on node i.
func nodeMTU(s *fact.Snapshot, i, mtu int) {
	k := facttest.NodeOf(s, i).Kernel
	for n := range k.Namespaces {
		for l := range k.Namespaces[n].Links {
			if link := &k.Namespaces[n].Links[l]; link.MTU == 1450 {
				link.MTU = mtu
			}
		}
	}
}

// ladder makes every ladder from node i end at this size.
func ladder(s *fact.Snapshot, i, passed int) {
	for k := range s.Seen.MTU {
		if p := &s.Seen.MTU[k]; p.From == facttest.Source(i) {
			p.Passed, p.Failed = passed, passed+1
		}
	}
}

func TestOverlayMTUMisconfigured(t *testing.T) {
	id := "overlay-mtu-misconfigured"
	eth := func(s *fact.Snapshot) *fact.Link { return facttest.SandboxOf(s, 1, facttest.Web(1)).LinkNamed("eth0") }
	mutations(t, []mutation{
		{name: "made for jumbo frames on an underlay without", mutate: func(s *fact.Snapshot) {
			makeMTU(s, 9000, false)
			for i := 1; i <= 3; i++ {
				ladder(s, i, 1450)
			}
		}, want: want{id: id, subject: "app", certainty: check.Proof}},
		{name: "made for jumbo frames on an underlay with", mutate: func(s *fact.Snapshot) {
			makeMTU(s, 9000, false)
			for i := 1; i <= 3; i++ {
				facttest.NodeOf(s, i).Kernel.Host().LinkNamed("eth0").MTU = 9000
			}
		}, check: id, answer: check.OK},
		{name: "made for a narrow underlay", mutate: func(s *fact.Snapshot) { makeMTU(s, 1400, false) }, check: id, answer: check.OK},
		{name: "encrypted", mutate: func(s *fact.Snapshot) { makeMTU(s, 0, true) }, check: id, answer: check.OK},
		{name: "somebody raised a container's interface", mutate: func(s *fact.Snapshot) {
			eth(s).MTU = 1500
			ladder(s, 1, 1454)
		}, want: want{id: id, node: "n1", subject: string(facttest.Web(1)), certainty: check.Proof}},
		{name: "somebody lowered a container's other end", mutate: func(s *fact.Snapshot) {
			facttest.Overlay(s, 1).Link(eth(s).PeerIndex).MTU = 1300
		}, want: want{id: id, node: "n1", subject: string(facttest.Web(1)), certainty: check.Strong}},
		{name: "somebody lowered the vxlan link", mutate: func(s *fact.Snapshot) {
			facttest.Overlay(s, 2).LinkNamed("vxlan0").MTU = 1400
			ladder(s, 2, 1400)
		}, want: want{id: id, node: "n2", subject: "vxlan0", certainty: check.Proof}},
		{name: "all links of one node have another MTU than those of the others", mutate: func(s *fact.Snapshot) {
			nodeMTU(s, 2, 1400)
		}, want: want{id: id, node: "n2", subject: "n2", certainty: check.Proof}},
		{name: "an engine has another definition", mutate: func(s *fact.Snapshot) {
			nodeMTU(s, 3, 1350)
			facttest.NodeOf(s, 3).Engine.Network(facttest.App).MTU = 1400
		}, want: want{id: id, node: "n3", subject: "n3", certainty: check.Proof}},
		{name: "the underlay's interface is not known", mutate: func(s *fact.Snapshot) {
			makeMTU(s, 1500, false)
			facttest.NodeOf(s, 1).Kernel.Host().LinkNamed("eth0").Addrs = nil
		}, check: id, answer: check.Unknown},
	})
}

func TestOverlayMTURelief(t *testing.T) {
	s := facttest.Healthy()
	makeMTU(s, 9000, false)
	relief := run(t, s).Causes[0].Relief
	if n := strings.Count(relief, "mtu 1450"); n != 9 {
		t.Errorf("relief sets %d links to 1450, want each sandbox of three nodes:\n%s", n, relief)
	}
}
