package check_test

import (
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestIPVSIdleTimeout(t *testing.T) {
	s := vipAsked("26.1.5")
	facttest.Balancer(s, 2).IPVS.TCPTimeout = 30 * time.Second
	r := run(t, s)
	wantCause(t, r, want{id: "ipvs-idle-timeout-900", node: "n2", certainty: check.Strong})
	if c := r.Causes[0]; !strings.Contains(c.Message, "idle for 30 s; web.2 sends a sign of life after 7200 s") {
		t.Error(c.Message)
	}
}

// The kernel's own 900 s are everywhere, with clients that never send keepalives;
// longer ones, and clients that do send them, are nobody's trouble either.
func TestIPVSIdleTimeoutIsOrdinary(t *testing.T) {
	for name, f := range map[string]func(*fact.Snapshot){
		"as the kernel has it": func(*fact.Snapshot) {},
		"longer":               func(s *fact.Snapshot) { facttest.Balancer(s, 2).IPVS.TCPTimeout = 4 * time.Hour },
		"not known":            func(s *fact.Snapshot) { facttest.Balancer(s, 2).IPVS.TCPTimeout = 0 },
		"clients send keepalives": func(s *fact.Snapshot) {
			facttest.Balancer(s, 2).IPVS.TCPTimeout = 300 * time.Second
			ns := facttest.NodeOf(s, 2).Kernel.Sandbox(facttest.Container(facttest.Web(2)))
			ns.Sysctls = append(ns.Sysctls, fact.Sysctl{Key: "net.ipv4.tcp_keepalive_time", Value: "120"})
		},
		"nobody asks there": func(s *fact.Snapshot) {
			s.Question.Node = "n1"
			facttest.Balancer(s, 2).IPVS.TCPTimeout = 30 * time.Second
		},
	} {
		s := vipAsked("26.1.5")
		f(s)
		if r := run(t, s); len(r.Causes) > 0 {
			t.Errorf("%s: %s", name, ids(r.Causes))
		}
	}
}

// Who asks a published port is not known, so neither is their keepalive.
func TestIPVSIdleTimeoutOfThePort(t *testing.T) {
	s := meshAsked("26.1.5")
	facttest.IngressSandbox(s, 2).IPVS.TCPTimeout = 30 * time.Second
	wantCause(t, run(t, s), want{id: "ipvs-idle-timeout-900", node: "n2", certainty: check.Hint})
}

func TestIPVSIdleTimeoutUnknown(t *testing.T) {
	for _, k := range []fact.Kind{fact.KindIPVS, fact.KindSysctls} {
		s := vipAsked("26.1.5")
		facttest.Miss(s, 2, k)
		wantAnswer(t, run(t, s), "ipvs-idle-timeout-900", check.Unknown)
	}
}
