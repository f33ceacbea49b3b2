package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// badSums: what node i sends to node k comes with wrong checksums.
func badSums(s *fact.Snapshot, i, k int) {
	facttest.Fail(s, i, facttest.Api(k), fact.Timeout)
	facttest.Fail(s, k, facttest.Api(i), fact.Timeout)
	c := facttest.SandboxOf(s, k, facttest.Api(k)).Counter("", "Tcp.InCsumErrors")
	c.After = c.Before + 4
}

func nic(s *fact.Snapshot, i int) *fact.Link {
	return facttest.NodeOf(s, i).Kernel.Host().LinkNamed("eth0")
}

func TestNICTxChecksumOffload(t *testing.T) {
	id := "nic-tx-checksum-offload"
	mutations(t, []mutation{
		{name: "to one peer", mutate: func(s *fact.Snapshot) { badSums(s, 1, 3) },
			want: want{id: id, node: "n1", peer: "n3", subject: "eth0", certainty: check.Strong}},
		{name: "to every peer", mutate: func(s *fact.Snapshot) {
			badSums(s, 2, 1)
			badSums(s, 2, 3)
		}, want: want{id: id, node: "n2", subject: "eth0", certainty: check.Strong}},
		{name: "the host's own counter", mutate: func(s *fact.Snapshot) {
			facttest.Fail(s, 1, facttest.Api(3), fact.Timeout)
			facttest.NodeOf(s, 3).Kernel.Host().Counter("", "Udp.InCsumErrors").After = 9
		}, want: want{id: id, node: "n1", peer: "n3"}},
		{name: "no counter rises, but the card is known for it", mutate: func(s *fact.Snapshot) {
			facttest.Fail(s, 1, facttest.Api(3), fact.Timeout)
			nic(s, 1).Driver = "vmxnet3"
		}, want: want{id: id, node: "n1", peer: "n3"}},
		{name: "no counter rises", mutate: func(s *fact.Snapshot) { facttest.Fail(s, 1, facttest.Api(3), fact.Timeout) },
			check: id, answer: check.OK},
		{name: "offload is off", mutate: func(s *fact.Snapshot) {
			badSums(s, 1, 3)
			nic(s, 1).Offload[0].On = false
		}, check: id, answer: check.OK},
		{name: "no echo passes either", mutate: func(s *fact.Snapshot) {
			badSums(s, 1, 3)
			loseVXLAN(s, 1, 3)
			loseVXLAN(s, 3, 1)
		}, want: want{id: "underlay-vxlan-udp-blocked", node: "n1", peer: "n3"}, check: id, answer: check.OK},
		{name: "refused: an answer came", mutate: func(s *fact.Snapshot) {
			badSums(s, 1, 3)
			facttest.Fail(s, 1, facttest.Api(3), fact.Refused)
			facttest.Fail(s, 3, facttest.Api(1), fact.Refused)
		}, check: id, answer: check.OK},
	})
}
