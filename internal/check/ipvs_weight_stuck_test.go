package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// quiet gives backends of a virtual service weight 0.
func quiet(v *fact.VirtualService, n int) {
	for i := range n {
		v.Backends[i].Weight = 0
	}
}

func TestIPVSWeightStuck(t *testing.T) {
	const id = "ipvs-weight-stuck"
	t.Run("one of three", func(t *testing.T) {
		c := vipFault(t, lookedTwice(func() *fact.Snapshot {
			s := vipAsked("26.1.5")
			quiet(apiVirtual(s), 1)
			return s
		}), id, "ipvsadm -e -f 277 -r 10.0.1.21:0 -m -w 1")
		if c.Subject.ID != string(facttest.Api(1)) {
			t.Errorf("%+v", c.Subject)
		}
	})
	t.Run("all", func(t *testing.T) {
		vipFault(t, vipOnNode2(fact.Refused, func(s *fact.Snapshot) { quiet(apiVirtual(s), 3) }), id, "weight 0")
	})
	t.Run("behind a published port", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) { quiet(ingressVirtual(s), 3) }), id, "ipvsadm -e -f 278")
	})
	t.Run("a task on its way out", func(t *testing.T) {
		s := vipAsked("26.1.5")
		s.Wanted.Task(facttest.Api(1)).Desired = "shutdown"
		quiet(apiVirtual(s), 1)
		wantAnswer(t, run(t, s), id, check.OK)
	})
	vipUnknown(t, id, fact.KindRules, fact.KindIPVS, fact.KindLinks, fact.KindNetworks)
}
