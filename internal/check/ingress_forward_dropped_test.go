package check_test

import (
	"testing"

	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestIngressForwardDropped(t *testing.T) {
	t.Run("DOCKER-USER drops", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			saved(s, 2, first("-A DOCKER-USER -o docker_gwbridge -j DROP"), "filter")
		}), "ingress-forward-dropped", "-I DOCKER-USER -o docker_gwbridge -p tcp --dport 8080 -j ACCEPT")
	})
	t.Run("answers dropped", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			saved(s, 2, first("-A DOCKER-USER -i docker_gwbridge -p tcp -m tcp --sport 8080 -j DROP"), "filter")
		}), "ingress-forward-dropped", "--sport 8080")
	})
	t.Run("unread", func(t *testing.T) {
		portUnknown(t, withoutRules(), "ingress-forward-dropped", "operation not permitted")
	})
	t.Run("a match nobody understands", func(t *testing.T) {
		s := onNode2(func(s *fact.Snapshot) {
			u := facttest.NodeOf(s, 2).Kernel.Host().Netfilter.Table(fact.Legacy, "ip", "filter").Chain("DOCKER-USER")
			u.Rules = append([]fact.Rule{{Number: 1, Matches: []fact.Match{{Kind: fact.MatchOpaque, Text: "geoip"}}, Target: fact.Target{Kind: fact.TargetDrop}}}, u.Rules...)
		})
		portUnknown(t, s, "ingress-forward-dropped", "geoip")
	})
}
