package check_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// slow is web asking api by its virtual IP on an old kernel, where node 2's
// balancer has the kernel's own mode and one connection took a second.
func slow() *fact.Snapshot {
	s := vipAsked("26.1.5")
	for i := range s.Seen.Published {
		q := &s.Seen.Published[i]
		if q.From.Node == "n2" {
			q.Requests[0].Connect = 1020 * time.Millisecond
		}
	}
	for i := 1; i <= 3; i++ {
		facttest.NodeOf(s, i).Kernel.Release = "4.19.0-20-amd64"
	}
	setSysctl(facttest.Balancer(s, 2), "net.ipv4.vs.conn_reuse_mode", "1")
	return s
}

func setSysctl(ns *fact.NetNS, key, value string) {
	for i := range ns.Sysctls {
		if ns.Sysctls[i].Key == key {
			ns.Sysctls[i].Value = value
		}
	}
}

func TestIPVSConnReuse(t *testing.T) {
	reuse := want{id: "ipvs-conn-reuse-delay", node: "n2", certainty: check.Strong}
	wantCause(t, run(t, slow()), reuse)

	counted := slow()
	counted.Seen.Published = nil
	ns := facttest.NodeOf(counted, 2).Kernel.Sandbox(facttest.Container(facttest.Web(2)))
	ns.Counters = append(ns.Counters, fact.Counter{Name: "TcpExt.TCPSynRetrans", Before: 5, After: 9, Twice: true})
	wantCause(t, run(t, counted), reuse)
}

func TestIPVSConnReuseIsOrdinary(t *testing.T) {
	for name, f := range map[string]func(*fact.Snapshot){
		"the engine's mode":            func(s *fact.Snapshot) { setSysctl(facttest.Balancer(s, 2), "net.ipv4.vs.conn_reuse_mode", "0") },
		"a kernel that lets them pass": func(s *fact.Snapshot) { facttest.NodeOf(s, 2).Kernel.Release = "5.10.0-8-amd64" },
		"not tracked":                  func(s *fact.Snapshot) { setSysctl(facttest.Balancer(s, 2), "net.ipv4.vs.conntrack", "0") },
		"nothing was slow":             func(s *fact.Snapshot) { s.Seen.Published = nil },
	} {
		s := slow()
		f(s)
		for _, a := range run(t, s).Checks {
			if a.ID == "ipvs-conn-reuse-delay" && a.Answer != check.OK {
				t.Errorf("%s: %s", name, a.Reason)
			}
		}
	}
}

func TestIPVSConnReuseUnknown(t *testing.T) {
	for _, k := range []fact.Kind{fact.KindIPVS, fact.KindSysctls, fact.KindKernel} {
		s := vipAsked("26.1.5")
		facttest.Miss(s, 2, k)
		wantAnswer(t, run(t, s), "ipvs-conn-reuse-delay", check.Unknown)
	}
}
