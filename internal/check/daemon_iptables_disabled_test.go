package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestDaemonIPTablesDisabled(t *testing.T) {
	id := "daemon-iptables-disabled"
	w := want{id: id, node: "n2", subject: "n2", certainty: check.Strong}
	silent := func(s *fact.Snapshot) {
		facttest.NodeOf(s, 2).Kernel.Host().Netfilter = &fact.Netfilter{}
		facttest.NodeOf(s, 2).Engine.WritesRules = "no"
	}
	t.Run("its settings say so", func(t *testing.T) { beside(t, silent, w, "-j MASQUERADE") })
	t.Run("told by the routing mesh's rules alone", func(t *testing.T) {
		s := onNode2(func(s *fact.Snapshot) {
			for _, table := range []string{"nat", "filter"} {
				saved(s, 2, func(text string) string {
					for _, own := range []string{"-A DOCKER ", "-j DOCKER\n", "DOCKER-USER", "ISOLATION", "-s 172.1", "-i docker", "-o docker0", "-o docker_gwbridge"} {
						text = without(own)(text + "\n")
					}
					return text
				}, table)
				t := facttest.NodeOf(s, 2).Kernel.Host().Netfilter.Table(fact.Legacy, "ip", table)
				var kept []fact.Chain
				for _, c := range t.Chains {
					var rules []fact.Rule
					for _, r := range c.Rules {
						if r.Target.Chain != "DOCKER" {
							rules = append(rules, r)
						}
					}
					if c.Rules = rules; c.Hook != "" || c.Name == "DOCKER-INGRESS" {
						kept = append(kept, c)
					}
				}
				t.Chains = kept
			}
		})
		r := run(t, s)
		if len(r.Causes) != 1 || r.Causes[0].ID != id || r.Causes[0].Certainty != check.Strong {
			t.Fatalf("causes %s", ids(r.Causes))
		}
	})
	t.Run("somebody else writes all rules", func(t *testing.T) {
		r := checked(t, func(s *fact.Snapshot) { facttest.NodeOf(s, 2).Engine.WritesRules = "no" })
		wantAnswer(t, r, id, check.OK)
	})
	t.Run("unread", func(t *testing.T) { portUnknown(t, withoutRules(), id, "operation not permitted") })
}
