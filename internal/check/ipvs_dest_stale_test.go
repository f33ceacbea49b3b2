package check_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// leftover adds a backend that no task has.
func leftover(v *fact.VirtualService, a string) {
	v.Backends = append(v.Backends, fact.RealServer{Addr: netip.AddrPortFrom(netip.MustParseAddr(a), 0), Forward: "masq", Weight: 1})
}

// someFail makes the last request of each of node 2's virtual IP probes time out.
func someFail(s *fact.Snapshot) {
	for i := range s.Seen.Published {
		if q := &s.Seen.Published[i]; q.Stage == fact.StageVIP && q.From.Node == "n2" {
			q.Requests[len(q.Requests)-1].Outcome = fact.Timeout
		}
	}
}

func TestIPVSDestStale(t *testing.T) {
	const id = "ipvs-dest-stale"
	ghost := func(s *fact.Snapshot, state string, since time.Duration) *fact.Task {
		old := *s.Wanted.Task(facttest.Api(3))
		old.ID, old.Desired, old.State = "apiold0000000000000000000", "shutdown", state
		old.StateSince, old.Updated = facttest.Taken.Add(-since), facttest.Taken.Add(-since)
		old.Addresses = []fact.TaskAddress{{Network: facttest.App, Addr: netip.MustParsePrefix("10.0.1.77/24")}}
		s.Wanted.Tasks = append(s.Wanted.Tasks, old)
		return &s.Wanted.Tasks[len(s.Wanted.Tasks)-1]
	}
	t.Run("of nobody", func(t *testing.T) {
		s := vipAsked("26.1.5")
		leftover(apiVirtual(s), "10.0.1.77")
		someFail(s)
		c := vipFault(t, s, id, "ipvsadm -d -f 277 -r 10.0.1.77:0")
		if c.Certainty != check.Proof || !contains(c.Evidence[0].Got, "of nobody") {
			t.Errorf("%+v", c)
		}
	})
	t.Run("of a task that ended", func(t *testing.T) {
		s := vipAsked("26.1.5")
		leftover(apiVirtual(s), "10.0.1.77")
		ghost(s, "shutdown", time.Hour)
		someFail(s)
		vipFault(t, s, id, "which is shutdown")
	})
	t.Run("of another service's task", func(t *testing.T) {
		s := vipAsked("26.1.5")
		leftover(apiVirtual(s), facttest.WebIP(1).String())
		someFail(s)
		vipFault(t, s, id, "of web.1.")
	})
	t.Run("behind a published port", func(t *testing.T) {
		s := meshAsked("26.1.5")
		leftover(ingressVirtual(s), "10.0.0.77")
		closed(s, 2, fact.Timeout)
		portFault(t, s, id, "ipvsadm -d -f 278 -r 10.0.0.77:0")
	})
	t.Run("draining at weight 0", func(t *testing.T) {
		s := vipAsked("26.1.5")
		leftover(apiVirtual(s), "10.0.1.77")
		v := apiVirtual(s)
		v.Backends[len(v.Backends)-1].Weight = 0
		ghost(s, "running", time.Second)
		if r := run(t, s); len(r.Causes)+len(r.Settling) > 0 {
			t.Errorf("causes %s, settling %s", ids(r.Causes), ids(r.Settling))
		}
	})
	t.Run("follows from gossip that still tells of it", func(t *testing.T) {
		f := func() *fact.Snapshot {
			s := vipAsked("26.1.5")
			ghost(s, "shutdown", time.Hour)
			for i := 1; i <= 3; i++ {
				leftover(virtualOf(facttest.Balancer(s, i), facttest.ApiMark(i)), "10.0.1.77")
				net := facttest.NodeOf(s, i).Engine.Network(facttest.App)
				k := slices.IndexFunc(net.Services, func(b fact.BelievedService) bool { return b.Name == "api" })
				net.Services[k].Tasks = append(net.Services[k].Tasks, fact.BelievedTask{Name: "api.3.apiold0000000000000000000", IP: netip.MustParseAddr("10.0.1.77"), HostIP: facttest.VTEP(3)})
			}
			return s
		}
		r := run(t, lookedTwice(f))
		if len(r.Causes) != 1 || r.Causes[0].ID != "networkdb-stale-entries" || !contains(strings.Join(r.Causes[0].Explains, "\n"), id) {
			t.Errorf("causes %s", ids(r.Causes))
		}
	})
	vipUnknown(t, id, fact.KindRules, fact.KindIPVS, fact.KindLinks, fact.KindNetworks)
}
