package check_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestDSRMisconfiguration(t *testing.T) {
	const id = "dsr-misconfiguration"
	api := func(s *fact.Snapshot) *fact.NetNS { return facttest.SandboxOf(s, 2, facttest.Api(2)) }
	// Every source meets the task in its turn.
	broken := func(f func(s *fact.Snapshot)) *fact.Snapshot {
		s := vipAsked("26.1.5")
		facttest.DSR(s)
		f(s)
		for i := range s.Seen.Published {
			q := &s.Seen.Published[i]
			q.Requests[0].Outcome = fact.Timeout
		}
		return s
	}
	t.Run("no address on lo", func(t *testing.T) {
		c := vipFault(t, broken(func(s *fact.Snapshot) { l := api(s).LinkNamed("lo"); l.Addrs = l.Addrs[:1] }), id, "ip addr add 10.0.1.100/32 dev lo")
		if c.Certainty != check.Proof || c.Subject.ID != string(facttest.Api(2)) {
			t.Errorf("%+v", c)
		}
	})
	t.Run("it answers for the address", func(t *testing.T) {
		vipFault(t, broken(func(s *fact.Snapshot) {
			for i := range api(s).Sysctls {
				if c := &api(s).Sysctls[i]; strings.HasSuffix(c.Key, "eth0.arp_ignore") {
					c.Value = "0"
				}
			}
		}), id, "sysctl -w net.ipv4.conf.eth0.arp_ignore=1")
	})
	t.Run("settings that were not read", func(t *testing.T) {
		s := vipAsked("26.1.5")
		facttest.DSR(s)
		api(s).Sysctls = slices.DeleteFunc(api(s).Sysctls, func(c fact.Sysctl) bool { return strings.Contains(c.Key, "arp") })
		wantAnswer(t, run(t, s), id, check.Unknown)
	})
	t.Run("other networks need nothing of it", func(t *testing.T) {
		wantAnswer(t, run(t, vipAsked("26.1.5")), id, check.OK)
	})
	vipUnknown(t, id, fact.KindLinks, fact.KindSysctls, fact.KindNetworks)
}
