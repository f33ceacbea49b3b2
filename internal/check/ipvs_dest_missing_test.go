package check_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// virtualOf is the virtual service of a mark.
func virtualOf(ns *fact.NetNS, mark uint32) *fact.VirtualService { return ns.IPVS.Service("ip", mark) }

func apiVirtual(s *fact.Snapshot) *fact.VirtualService {
	return virtualOf(facttest.Balancer(s, 2), facttest.ApiMark(2))
}

func ingressVirtual(s *fact.Snapshot) *fact.VirtualService {
	return virtualOf(facttest.IngressSandbox(s, 2), facttest.IngressMark(2))
}

// forget takes the last backends of a virtual service away.
func forget(v *fact.VirtualService, n int) { v.Backends = v.Backends[:len(v.Backends)-n] }

func TestIPVSDestMissing(t *testing.T) {
	const id = "ipvs-dest-missing"
	t.Run("one of three, so that nothing fails", func(t *testing.T) {
		c := vipFault(t, lookedTwice(func() *fact.Snapshot {
			s := vipAsked("26.1.5")
			forget(apiVirtual(s), 1)
			return s
		}), id, "ipvsadm -a -f 277 -r 10.0.1.23:0 -m -w 1")
		if c.Subject.ID != string(facttest.Api(3)) || c.Certainty != check.Strong {
			t.Errorf("%+v", c)
		}
	})
	t.Run("all", func(t *testing.T) {
		c := vipFault(t, vipOnNode2(fact.Refused, func(s *fact.Snapshot) { forget(apiVirtual(s), 3) }), id, "it has none")
		if len(c.Evidence) != 3 {
			t.Errorf("evidence %+v", c.Evidence)
		}
	})
	t.Run("of a published port", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) { forget(ingressVirtual(s), 3) }), id, "ipvsadm -a -f 278 -r 10.0.0.21:0 -m -w 1")
	})
	t.Run("backends that answer nothing either", func(t *testing.T) {
		vipFault(t, lookedTwice(func() *fact.Snapshot {
			s := meshAsked("26.1.5")
			forget(ingressVirtual(s), 1)
			return s
		}), id, "10.0.0.23")
	})
	t.Run("a task that is not well yet", func(t *testing.T) {
		s := vipAsked("26.1.5")
		s.Wanted.Task(facttest.Api(3)).State = "starting"
		forget(apiVirtual(s), 1)
		wantAnswer(t, run(t, s), id, check.OK)
	})
	t.Run("a task of a node that is down", func(t *testing.T) {
		s := vipAsked("26.1.5")
		s.Wanted.Node(facttest.Node(3)).State = "down"
		forget(apiVirtual(s), 1)
		wantAnswer(t, run(t, s), id, check.OK)
	})
	t.Run("follows from gossip that does not tell of it", func(t *testing.T) {
		f := func() *fact.Snapshot {
			s := vipAsked("26.1.5")
			forget(apiVirtual(s), 1)
			net := facttest.NodeOf(s, 2).Engine.Network(facttest.App)
			for i := range net.Services {
				net.Services[i].Tasks = slices.DeleteFunc(net.Services[i].Tasks, func(b fact.BelievedTask) bool { return b.IP == facttest.ApiIP(3) })
			}
			return s
		}
		r := run(t, lookedTwice(f))
		if len(r.Causes) != 1 || r.Causes[0].ID != "networkdb-missing-after-rejoin" || !contains(strings.Join(r.Causes[0].Explains, "\n"), id) {
			t.Errorf("causes %+v", r.Causes)
		}
	})
	vipUnknown(t, id, fact.KindRules, fact.KindIPVS, fact.KindLinks, fact.KindNetworks)
}
