package check_test

import (
	"slices"
	"testing"

	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestIngressMarkOrLBMissing(t *testing.T) {
	t.Run("no mark", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			c := facttest.IngressSandbox(s, 2).Netfilter.Table(fact.Legacy, "ip", "mangle").Chain("PREROUTING")
			c.Rules = nil
		}), "ingress-mark-or-lb-missing", "-t mangle -A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-mark 278")
	})
	t.Run("no virtual service", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			v := facttest.IngressSandbox(s, 2).IPVS
			v.Services = slices.DeleteFunc(v.Services, func(v fact.VirtualService) bool { return v.Mark == facttest.IngressMark(2) })
		}), "ingress-mark-or-lb-missing", "ipvsadm -A -f 278 -s rr")
	})
	t.Run("unread", func(t *testing.T) {
		portUnknown(t, withoutRules(), "ingress-mark-or-lb-missing", "operation not permitted")
	})
}
