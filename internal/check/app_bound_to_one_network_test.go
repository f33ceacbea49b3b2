package check_test

import (
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestAppBoundToOneNetwork(t *testing.T) {
	id := "app-bound-to-one-network"
	one := want{id: id, node: "n2", subject: string(facttest.Api(2)), certainty: check.Proof}
	second := func(s *fact.Snapshot, at ...string) {
		t := s.Wanted.Task(facttest.Api(2))
		t.Addresses = append(t.Addresses, fact.TaskAddress{Network: "othernet", Addr: netip.MustParsePrefix("10.0.2.5/24")})
		listen(s, 2, at...)
	}
	mutations(t, []mutation{
		{name: "the other network's address", mutate: func(s *fact.Snapshot) { second(s, "tcp 10.0.2.5:8080"); refuse(s, 2) }, want: one, explain: 3},
		{name: "the gateway bridge's", mutate: func(s *fact.Snapshot) { listen(s, 2, "tcp 172.18.0.2:8080"); refuse(s, 2) }, want: one},
		{name: "loopback, too", mutate: func(s *fact.Snapshot) { second(s, "tcp 127.0.0.1:8080", "tcp 10.0.2.5:8080"); refuse(s, 2) }, want: one},
		{name: "the right address", mutate: func(s *fact.Snapshot) { second(s, "tcp 10.0.1.22:8080") }, check: id, answer: check.OK},
		{name: "both addresses", mutate: func(s *fact.Snapshot) { second(s, "tcp 10.0.1.22:8080", "tcp 10.0.2.5:8080") }, check: id, answer: check.OK},
		{name: "loopback only is another cause", mutate: func(s *fact.Snapshot) { listen(s, 2, "tcp 127.0.0.1:8080"); refuse(s, 2) },
			want: want{id: "app-bound-to-loopback", node: "n2"}},
		{name: "IPv6 only is another one still", mutate: func(s *fact.Snapshot) {
			listen(s, 2, "tcp [::]:8080")
			ns := facttest.SandboxOf(s, 2, facttest.Api(2))
			ns.Sockets[len(ns.Sockets)-1].V6Only = true
			refuse(s, 2)
		}, check: id, answer: check.OK},
		{name: "kernel was not seen", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 2, fact.KindKernel) }, check: id, answer: check.Unknown},
	})
}
