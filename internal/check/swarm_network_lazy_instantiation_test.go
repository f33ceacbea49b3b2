package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestSwarmNetworkLazyInstantiation(t *testing.T) {
	mutations(t, []mutation{
		{name: "a container on the bridge", mutate: solo,
			want: want{id: "swarm-network-lazy-instantiation", node: "n1", subject: "client", certainty: check.Proof}, explain: 1},
		{name: "the engine's networks could not be read", mutate: func(s *fact.Snapshot) {
			solo(s)
			facttest.Miss(s, 1, fact.KindNetworks)
		}, want: want{id: "network-not-shared"}, check: "swarm-network-lazy-instantiation", answer: check.Unknown},
	})
}
