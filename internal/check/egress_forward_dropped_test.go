package check_test

import (
	"net/netip"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestEgressForwardDropped(t *testing.T) {
	id := "egress-forward-dropped"
	node := want{id: id, node: "n2", subject: "n2", certainty: check.Proof}
	lost := func(line string) func(*fact.Snapshot) {
		return func(s *fact.Snapshot) {
			hostRule(s, 2, line)
			if s.Question.To == facttest.DB {
				facttest.LostAt(s, 2, fact.Timeout, "")
			}
		}
	}
	t.Run("the port", func(t *testing.T) {
		leavingFault(t, lost("-A DOCKER-USER -i docker_gwbridge -p tcp -m tcp --dport 5432 -j DROP"), node, "which the node itself reaches", "DOCKER-USER", "--dport 5432 -j DROP",
			"iptables -t filter -I DOCKER-USER -d 203.0.113.5 -p tcp --dport 5432 -j ACCEPT", "(203.0.113.5:5432): timeout")
	})
	t.Run("the place, rejected by a reset", func(t *testing.T) {
		leavingFault(t, func(s *fact.Snapshot) {
			hostRule(s, 2, "-A DOCKER-USER -d 203.0.113.0/24 -j REJECT")
			facttest.LostAt(s, 2, fact.Refused, "")
		}, node, "203.0.113.0/24")
	})
	t.Run("the task's own address", func(t *testing.T) {
		a := facttest.SandboxOf(facttest.Mesh(), 2, facttest.Web(2)).LinkNamed("eth1").Addrs[0].Addr().String()
		leavingFault(t, lost("-A DOCKER-USER -s "+a+"/32 -j DROP"), node, "from "+a+" (web.2)")
	})
	t.Run("another task's address", func(t *testing.T) {
		a := facttest.SandboxOf(facttest.Mesh(), 2, facttest.Api(2)).LinkNamed("eth1").Addrs[0].Addr().String()
		leavingAnswer(t, lost("-A DOCKER-USER -s "+a+"/32 -j DROP"), id, check.OK, "")
	})
	t.Run("another port", func(t *testing.T) {
		leavingAnswer(t, lost("-A DOCKER-USER -i docker_gwbridge -p tcp -m tcp --dport 25 -j DROP"), id, check.OK, "")
	})
	t.Run("the rules were lost", func(t *testing.T) {
		r := run(t, asking(func(s *fact.Snapshot) {
			flush(s, 2, true, "nat", "filter")
			strict(s, 2)
			facttest.LostAt(s, 2, fact.Timeout, "")
		}))
		if len(r.Causes) != 1 || r.Causes[0].ID != "firewall-flush" {
			t.Errorf("causes %s", ids(r.Causes))
		}
	})
	t.Run("a match nobody understands", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			u := facttest.NodeOf(s, 2).Kernel.Host().Netfilter.Table(fact.Legacy, "ip", "filter").Chain("DOCKER-USER")
			u.Rules = append([]fact.Rule{{Number: 1, Matches: []fact.Match{{Kind: fact.MatchOpaque, Text: "geoip"}}, Target: fact.Target{Kind: fact.TargetDrop}}}, u.Rules...)
			facttest.LostAt(s, 2, fact.Timeout, "")
		}, id, check.Unknown, "geoip")
	})
	t.Run("a rule of the host sends it elsewhere first", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			lost("-A DOCKER-USER -i docker_gwbridge -d 203.0.113.5 -j DROP")(s)
			saved(s, 2, with("-A PREROUTING -d 203.0.113.5 -p tcp --dport 5432 -j DNAT --to-destination 198.51.100.7:5432"), "nat")
		}, id, check.Unknown, "PREROUTING")
	})
	t.Run("an address of the host itself, which is not forwarded to", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			led(s, 2, netip.MustParseAddr("10.77.0.12"))
			hostRule(s, 2, "-A DOCKER-USER -i docker_gwbridge -d 10.77.0.0/24 -j DROP")
		}, id, check.Unknown, "10.77.0.12 is an address of the host itself")
	})
	t.Run("rules unread", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			facttest.Miss(s, 2, fact.KindRules)
			facttest.LostAt(s, 2, fact.Timeout, "")
		}, id, check.Unknown, "")
	})
}
