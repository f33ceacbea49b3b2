package check_test

import (
	"testing"

	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// taskChain is a chain of the rules inside api's task on node i.
func taskChain(s *fact.Snapshot, i int, table, chain string) *fact.Chain {
	ns := facttest.NodeOf(s, i).Kernel.Sandbox(facttest.Container(facttest.Api(i)))
	return ns.Netfilter.Table(fact.Legacy, "ip", table).Chain(chain)
}

func TestIngressRedirectMissing(t *testing.T) {
	t.Run("redirect flushed", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			for i := range s.Wanted.Services { // published and target differ: without the rule nobody listens there
				for k := range s.Wanted.Services[i].Ports {
					s.Wanted.Services[i].Ports[k].Target = 80
				}
			}
			for i := 1; i <= 3; i++ {
				c := taskChain(s, i, "nat", "PREROUTING")
				c.Rules[0].Target.Ports = fact.PortRange{First: 80, Last: 80}
				in := taskChain(s, i, "filter", "INPUT")
				for k := range in.Rules[0].Matches {
					if m := &in.Rules[0].Matches[k]; m.Kind == fact.MatchDestinationPort {
						m.Ports = []fact.PortRange{{First: 80, Last: 80}}
					}
				}
			}
			taskChain(s, 2, "nat", "PREROUTING").Rules = nil
		}), "ingress-redirect-missing", "-j REDIRECT --to-ports 80")
	})
	t.Run("accept gone", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			c := taskChain(s, 2, "filter", "INPUT")
			c.Rules = c.Rules[1:]
		}), "ingress-redirect-missing", "-I INPUT -d 10.0.0.22/32 -p tcp -m tcp --dport 8080")
	})
	t.Run("unread", func(t *testing.T) {
		portUnknown(t, withoutRules(), "ingress-redirect-missing", "operation not permitted")
	})
}
