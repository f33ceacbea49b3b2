package check_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

var oldVIP = netip.MustParseAddr("10.0.1.204")

// answers makes every resolver answer for a name with these addresses, or with
// an error when there are none.
func answers(s *fact.Snapshot, name string, addrs ...netip.Addr) {
	for i := range s.Seen.DNS {
		if p := &s.Seen.DNS[i]; p.Name == name {
			p.Addrs = slices.Clone(addrs)
			if len(addrs) == 0 {
				p.RCode = "SERVFAIL"
			}
		}
	}
}

func virtual(s *fact.Snapshot) {
	svc := s.Wanted.ServiceNamed("api")
	svc.EndpointMode, svc.VIPs = "vip", []fact.VIP{{Network: facttest.App, Addr: netip.PrefixFrom(oldVIP, 24)}}
}

func TestEndpointModeMismatch(t *testing.T) {
	id := "endpoint-mode-mismatch"
	odd := want{id: id, subject: "api", certainty: check.Proof}
	leftover := func(s *fact.Snapshot) {
		answers(s, "api", facttest.ApiIP(1), facttest.ApiIP(2), facttest.ApiIP(3), oldVIP)
	}
	mutations(t, []mutation{
		{name: "vip to dnsrr: the old address stays", mutate: leftover, want: odd},
		{name: "dnsrr to vip: the name is lost", mutate: func(s *fact.Snapshot) { virtual(s); answers(s, "api") }, want: odd},
		{name: "dnsrr to vip on 20.10: nobody answers for a lost name", mutate: func(s *fact.Snapshot) {
			virtual(s)
			for i := range s.Seen.DNS {
				if p := &s.Seen.DNS[i]; p.Name == "api" {
					p.Outcome, p.RCode, p.Addrs = fact.Timeout, "", nil
				}
			}
		}, want: odd},
		{name: "vip, and the tasks instead of it", mutate: virtual, want: odd},
		{name: "vip as it should be", mutate: func(s *fact.Snapshot) { virtual(s); answers(s, "api", oldVIP) }, check: id, answer: check.OK},
		{name: "the update is under way", mutate: func(s *fact.Snapshot) {
			leftover(s)
			s.Wanted.ServiceNamed("api").UpdateState = "updating"
		}, check: id, answer: check.Unknown},
		{name: "the update stopped half-way", mutate: func(s *fact.Snapshot) {
			leftover(s)
			s.Wanted.ServiceNamed("api").UpdateState = "paused"
		}, want: odd},
		{name: "no name at all is another fault", mutate: func(s *fact.Snapshot) {
			virtual(s)
			answers(s, "api")
			answers(s, "tasks.api")
		}, check: id, answer: check.OK},
		{name: "somebody else's address is a collision", mutate: func(s *fact.Snapshot) {
			answers(s, "api", facttest.ApiIP(1), facttest.ApiIP(2), facttest.ApiIP(3), facttest.WebIP(1))
		}, check: id, answer: check.OK},
		{name: "names were not asked", mutate: func(s *fact.Snapshot) { facttest.Miss(s, 1, fact.KindDNS) }, check: id, answer: check.Unknown},
	})
}

func TestEndpointModeRelief(t *testing.T) {
	s := facttest.Healthy()
	virtual(s)
	answers(s, "api")
	if c := run(t, s).Causes[0]; !strings.Contains(c.Relief, "tasks.api") || !strings.Contains(c.Relief, "scale api=3") || c.Impact != "all tasks of api" {
		t.Errorf("relief %q, impact %q", c.Relief, c.Impact)
	}
}
