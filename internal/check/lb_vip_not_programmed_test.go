package check_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// vipAsked is a healthy Swarm with virtual IPs after the question web → api:8080,
// every connection answered.
func vipAsked(engine string) *fact.Snapshot {
	s := facttest.MeshOn(engine)
	sc, err := expect.Resolve(s)
	if err != nil {
		panic(err)
	}
	s.Seen.Published = expect.Mesh(s, &sc)
	for i := range s.Seen.Published {
		answer(&s.Seen.Published[i], fact.Open)
	}
	return s
}

// vipOnNode2 breaks a node whose virtual IPs were asked, and has api's end so there.
func vipOnNode2(o fact.Outcome, f func(s *fact.Snapshot)) *fact.Snapshot {
	s := vipAsked("26.1.5")
	f(s)
	for i := range s.Seen.Published {
		if q := &s.Seen.Published[i]; q.Stage == fact.StageVIP && q.From.Node == "n2" {
			answer(q, o)
		}
	}
	return s
}

// vipFault expects one root cause on n2 that explains all that failed.
func vipFault(t *testing.T, s *fact.Snapshot, id, says string) *check.Cause {
	t.Helper()
	r := run(t, s)
	if len(r.Causes) != 1 || r.Causes[0].ID != id || r.Causes[0].Node != "n2" {
		t.Fatalf("causes %s, settling %s, elsewhere %s; want %s on n2", ids(r.Causes), ids(r.Settling), ids(r.Elsewhere), id)
	}
	c := &r.Causes[0]
	if all := c.Message + c.Relief + c.Evidence[0].Got; !strings.Contains(all, says) {
		t.Errorf("%q does not say %q", all, says)
	}
	if c.Relief == "" || c.Confirm == "" || c.Impact == "" || c.Certainty == check.Hint {
		t.Errorf("%+v", c)
	}
	if r.Verdict != check.VerdictFailed || strings.Contains(r.Summary, "explained by no cause") {
		t.Errorf("%s: %s", r.Verdict, r.Summary)
	}
	return c
}

// lookedTwice is what two looks at the same give, for faults that no probe need meet.
func lookedTwice(f func() *fact.Snapshot) *fact.Snapshot {
	s := f()
	s.Earlier = f()
	return s
}

// vipUnknown expects a check to answer unknown where a kind of fact is missing on n2.
func vipUnknown(t *testing.T, id string, kinds ...fact.Kind) {
	t.Helper()
	for _, k := range kinds {
		s := vipAsked("26.1.5")
		facttest.Miss(s, 2, k)
		if r := run(t, s); len(r.Causes) > 0 {
			t.Errorf("without %s: causes %s", k, ids(r.Causes))
		} else {
			wantAnswer(t, r, id, check.Unknown)
		}
	}
}

func unmarked(s *fact.Snapshot) {
	c := facttest.Balancer(s, 2).Netfilter.Table(fact.Legacy, "ip", "mangle").Chain("INPUT")
	c.Rules = slices.DeleteFunc(c.Rules, func(r fact.Rule) bool { return r.Target.Value == facttest.ApiMark(2) })
}

func unserved(s *fact.Snapshot) {
	v := facttest.Balancer(s, 2).IPVS
	v.Services = slices.DeleteFunc(v.Services, func(v fact.VirtualService) bool { return v.Mark == facttest.ApiMark(2) })
}

func unaliased(s *fact.Snapshot) {
	l := facttest.Balancer(s, 2).LinkNamed("eth0")
	l.Addrs = l.Addrs[:1]
}

func TestHealthyVIPsAreSilent(t *testing.T) {
	for _, engine := range []string{"20.10.24", "26.1.5", "28.5.2", "29.0.0"} {
		s := vipAsked(engine)
		if n := len(s.Seen.Published); n != 3 {
			t.Errorf("%s: %d virtual IPs asked, want one a source", engine, n)
		}
		r := run(t, s)
		if r.Verdict != check.VerdictOK || len(r.Causes)+len(r.Elsewhere)+len(r.Settling) > 0 {
			t.Errorf("%s: %s: %s %s %s", engine, r.Summary, ids(r.Causes), ids(r.Settling), ids(r.Elsewhere))
		}
	}
}

func TestLBVIPNotProgrammed(t *testing.T) {
	const id = "lb-vip-not-programmed"
	t.Run("no address", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Unreachable, unaliased), id, "ip addr add 10.0.1.100/32 dev eth0")
	})
	t.Run("no virtual service", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Refused, unserved), id, "ipvsadm -A -f 277 -s rr")
	})
	t.Run("nothing at all", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Unreachable, func(s *fact.Snapshot) { unaliased(s); unserved(s); unmarked(s) }), id, "-t mangle -A INPUT -d 10.0.1.100/32 -j MARK --set-mark 277")
	})
	t.Run("no mark chosen", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Unreachable, func(s *fact.Snapshot) {
			unaliased(s)
			unserved(s)
			unmarked(s)
			for i, b := range facttest.NodeOf(s, 2).Engine.Network(facttest.App).Services {
				if b.Name == "api" {
					facttest.NodeOf(s, 2).Engine.Network(facttest.App).Services[i].FWMark = 0
				}
			}
		}), id, "docker service update --force api")
	})
	t.Run("a service without tasks has none", func(t *testing.T) {
		s := vipAsked("26.1.5")
		s.Wanted.Tasks = slices.DeleteFunc(s.Wanted.Tasks, func(t fact.Task) bool { return t.Service == "api" })
		unserved(s)
		unaliased(s)
		wantAnswer(t, run(t, s), id, check.OK)
	})
	vipUnknown(t, id, fact.KindRules, fact.KindIPVS, fact.KindLinks, fact.KindNetworks)
}
