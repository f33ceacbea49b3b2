package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// waiting6 is a mesh that was asked, with clients over IPv6 in both of two looks.
func waiting6(change func(l *fact.Socket)) *fact.Snapshot {
	look := func() *fact.Snapshot {
		s := meshAsked("26.1.5")
		host := facttest.NodeOf(s, 2).Kernel.Host()
		for i := range host.Sockets {
			if l := &host.Sockets[i]; l.Local.Port() == 8080 {
				l.Queue, l.Waiting6 = 3, 2
				change(l)
			}
		}
		return s
	}
	s := look()
	s.Earlier = look()
	return s
}

func TestIngressIPv6(t *testing.T) {
	wantCause(t, run(t, waiting6(func(*fact.Socket) {})), want{id: "ingress-ipv6-blackhole", node: "n2", certainty: check.Strong})
	wantCause(t, run(t, waiting6(func(l *fact.Socket) { l.Owner, l.PID = "", 0 })), want{id: "ingress-ipv6-blackhole", node: "n2", certainty: check.Strong})
}

// Connections in the queue are not all of them clients who wait over IPv6 now.
func TestIngressIPv6IsOrdinary(t *testing.T) {
	s := waiting6(func(l *fact.Socket) { l.Waiting6 = 0 })
	if r := run(t, s); r.Verdict != check.VerdictOK {
		t.Error(r.Summary)
	}
}

// They must still be there when we look again.
func TestIngressIPv6Settles(t *testing.T) {
	s := waiting6(func(*fact.Socket) {})
	s.Earlier = meshAsked("26.1.5")
	if r := run(t, s); len(r.Causes) > 0 {
		t.Error(ids(r.Causes))
	}
}

func TestIngressIPv6Unknown(t *testing.T) {
	s := meshAsked("26.1.5")
	facttest.Miss(s, 2, fact.KindSockets)
	wantAnswer(t, run(t, s), "ingress-ipv6-blackhole", check.Unknown)
}
