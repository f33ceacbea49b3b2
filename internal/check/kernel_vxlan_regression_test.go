package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// A faulty kernel cannot be injected; the lab makes its signature with a rule
// that looks at the VNI. The table of kernels is proven here only.

// swallowed makes node k's kernel lose what comes to its vxlan link.
func swallowed(s *fact.Snapshot, k int) {
	for i := 1; i <= 3; i++ {
		if i != k {
			between(s, i, k, arrives, arrives)
		}
	}
	c := facttest.Overlay(s, k).Counter("vxlan0", "rx_packets")
	c.After = c.Before
}

func TestKernelVXLANRegression(t *testing.T) {
	id := "kernel-vxlan-regression"
	encrypt := func(s *fact.Snapshot) {
		s.Wanted.Networks[0].Encrypted = true
		for i := 1; i <= 3; i++ {
			facttest.NodeOf(s, i).Engine.Network(facttest.App).Encrypted = true
		}
	}
	release := func(s *fact.Snapshot, r, v string) {
		swallowed(s, 3)
		k := facttest.NodeOf(s, 3).Kernel
		k.Release, k.Version = r, v
	}
	found := func(c check.Certainty) want { return want{id: id, node: "n3", subject: "n3", certainty: c} }
	mutations(t, []mutation{
		{name: "the signature alone", mutate: func(s *fact.Snapshot) { swallowed(s, 3) }, want: found(check.Hint), explain: 2},
		{name: "Azure", mutate: func(s *fact.Snapshot) { release(s, "5.4.0-1073-azure", "") }, want: found(check.Strong)},
		{name: "Azure, the one after", mutate: func(s *fact.Snapshot) { release(s, "5.4.0-1074-azure", "") }, want: found(check.Hint)},
		{name: "that number, not Azure's", mutate: func(s *fact.Snapshot) { release(s, "5.4.0-1073-gcp", "") }, want: found(check.Hint)},
		{name: "Red Hat 7.2", mutate: func(s *fact.Snapshot) { release(s, "3.10.0-327.el7.x86_64", "") }, want: found(check.Strong)},
		{name: "Red Hat 7.3", mutate: func(s *fact.Snapshot) { release(s, "3.10.0-514.el7.x86_64", "") }, want: found(check.Hint)},
		{name: "Debian, plain", mutate: func(s *fact.Snapshot) { release(s, "5.10.0-12-amd64", "#1 SMP Debian 5.10.103-1") }, want: found(check.Hint)},
		{name: "a link received something", mutate: func(s *fact.Snapshot) {
			swallowed(s, 3)
			facttest.Overlay(s, 3).Counter("vxlan0", "rx_packets").After++
		}, check: id, answer: check.OK},
		{name: "datagrams do not arrive", mutate: func(s *fact.Snapshot) {
			between(s, 1, 3, noInput, arrives)
			between(s, 2, 3, noInput, arrives)
		}, want: want{id: "underlay-vxlan-udp-blocked", node: "n3"}, check: id, answer: check.OK},
	})
	s := facttest.Healthy()
	encrypt(s)
	swallowed(s, 3)
	wantAnswer(t, run(t, s), id, check.Unknown) // our datagrams are not encrypted
	s = facttest.Healthy()
	encrypt(s)
	release(s, "5.10.0-12-amd64", "#1 SMP Debian 5.10.103-1 (2022-03-07)")
	if c := run(t, s).Causes; len(c) == 0 || c[0].ID != id || c[0].Certainty != check.Strong {
		t.Errorf("Debian 5.10.103 and an encrypted network: %s", ids(c))
	}
}
