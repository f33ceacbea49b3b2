package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestIngressPortConflictHost(t *testing.T) {
	rival := func(owner string, uid uint32) func(*fact.Snapshot) {
		return func(s *fact.Snapshot) {
			host := facttest.NodeOf(s, 2).Kernel.Host()
			for i := range host.Sockets {
				if k := &host.Sockets[i]; k.Local.Port() == 8080 {
					k.Owner, k.PID, k.UID = owner, 77, uid
				}
			}
		}
	}
	t.Run("another program", func(t *testing.T) {
		portFault(t, onNode2(rival("nginx", 33)), "ingress-port-conflict-host", "stop or move nginx (pid 77)")
	})
	t.Run("another user's", func(t *testing.T) {
		portFault(t, onNode2(rival("", 33)), "ingress-port-conflict-host", "a process of user 33")
	})
	// Engine 29 gives up the port then, and marks nothing for it (seen on v2.0.0-beta.24).
	t.Run("another program, and the engine gave up", func(t *testing.T) {
		portFault(t, onNode2(func(s *fact.Snapshot) {
			rival("nginx", 33)(s)
			facttest.IngressSandbox(s, 2).Netfilter.Table(fact.Legacy, "ip", "mangle").Chain("PREROUTING").Rules = nil
		}), "ingress-port-conflict-host", "stop or move nginx (pid 77)")
	})
	t.Run("an owner nobody knows", func(t *testing.T) {
		s := meshAsked("26.1.5")
		rival("", 0)(s)
		if r, err := check.Run(s, check.All(), 0); err != nil || r.Verdict != check.VerdictOK {
			t.Errorf("%v: %+v", err, r)
		}
	})
	t.Run("unread", func(t *testing.T) {
		s := meshAsked("26.1.5")
		s.Gaps = append(s.Gaps, fact.Gap{Node: "n2", Kind: fact.KindSockets, NetNS: "host", Class: fact.ClassPermission, Reason: "read sockets: operation not permitted"})
		portUnknown(t, s, "ingress-port-conflict-host", "operation not permitted")
	})
}
