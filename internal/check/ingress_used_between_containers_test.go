package check_test

import (
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

const meshNet = fact.NetworkID("netingress000000000000000")

// onIngress puts a service's tasks on the routing mesh's network.
func onIngress(s *fact.Snapshot, service string, from int) {
	if s.Wanted.Network(meshNet) == nil {
		s.Wanted.Networks = append(s.Wanted.Networks, fact.Network{ID: meshNet, Name: "ingress", Driver: "overlay", Scope: "swarm", Ingress: true})
	}
	s.Wanted.ServiceNamed(service).VIPs = []fact.VIP{{Network: meshNet, Addr: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(from)}), 24)}}
	for i := range s.Wanted.Tasks {
		if t := &s.Wanted.Tasks[i]; t.Service == service {
			from++
			t.Addresses = append(t.Addresses, fact.TaskAddress{Network: meshNet, Addr: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(from)}), 24)})
		}
	}
}

func TestIngressBetween(t *testing.T) {
	between := want{id: "ingress-used-between-containers", subject: "api", certainty: check.Proof}
	mutations(t, []mutation{
		{name: "two publish ports and have no other network in common", mutate: func(s *fact.Snapshot) {
			split(s)
			onIngress(s, "web", 20)
			onIngress(s, "api", 40)
		}, want: between, explain: 1},
		{name: "only one of them publishes", mutate: func(s *fact.Snapshot) {
			split(s)
			onIngress(s, "api", 40)
		}, want: want{id: "network-not-shared", subject: "api", certainty: check.Proof}},
		{name: "another network is shared", mutate: func(s *fact.Snapshot) {
			onIngress(s, "web", 20)
			onIngress(s, "api", 40)
		}, check: "ingress-used-between-containers", answer: check.OK},
		{name: "managers do not answer", mutate: func(s *fact.Snapshot) { facttest.MissAll(s, fact.KindSwarm) },
			check: "ingress-used-between-containers", answer: check.Unknown},
	})
}
