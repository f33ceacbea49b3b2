package check_test

import (
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// crowd fills a namespace's table; drops are how many packets it cost.
func crowd(ns *fact.NetNS, count string, drops uint64) {
	setSysctl(ns, "net.netfilter.nf_conntrack_count", count)
	setSysctl(ns, "net.netfilter.nf_conntrack_max", "1024")
	if c := ns.Counter("", "nf_conntrack.drop"); c != nil {
		c.Before, c.After = 7, 7+drops
	}
}

func TestConntrackFull(t *testing.T) {
	s := meshAsked("26.1.5")
	crowd(facttest.IngressSandbox(s, 2), "1024", 40)
	closed(s, 2, fact.Timeout)
	wantCause(t, run(t, s), want{id: "conntrack-full", node: "n2", certainty: check.Strong})

	s = vipAsked("26.1.5")
	crowd(facttest.Balancer(s, 2), "1000", 0)
	wantCause(t, run(t, s), want{id: "conntrack-full", node: "n2", certainty: check.Hint})
}

// A host without room opens no connection to its peers either.
func TestConntrackFullExplainsPeers(t *testing.T) {
	s := facttest.Healthy()
	host := facttest.NodeOf(s, 2).Kernel.Host()
	host.Sysctls = append(host.Sysctls, fact.Sysctl{Key: "net.netfilter.nf_conntrack_count", Value: "1024"}, fact.Sysctl{Key: "net.netfilter.nf_conntrack_max", Value: "1024"})
	for i := range s.Seen.Peers {
		if s.Seen.Peers[i].Node == "n2" {
			s.Seen.Peers[i].Outcome = fact.Timeout
		}
	}
	s.Earlier = s
	wantCause(t, run(t, s), want{id: "conntrack-full", node: "n2", certainty: check.Strong})
}

// The maximum is the kernel's, whatever a namespace shows.
func TestConntrackFullOfTheHost(t *testing.T) {
	s := meshAsked("26.1.5")
	crowd(facttest.IngressSandbox(s, 2), "1024", 40)
	setSysctl(facttest.IngressSandbox(s, 2), "net.netfilter.nf_conntrack_max", "262144")
	setSysctl(facttest.NodeOf(s, 2).Kernel.Host(), "net.netfilter.nf_conntrack_max", "1024")
	closed(s, 2, fact.Timeout)
	wantCause(t, run(t, s), want{id: "conntrack-full", node: "n2", certainty: check.Strong})
}

func TestConntrackFullIsNot(t *testing.T) {
	for name, f := range map[string]func(*fact.Snapshot){
		"room is left": func(s *fact.Snapshot) { crowd(facttest.IngressSandbox(s, 2), "900", 0) },
		"no limit":     func(s *fact.Snapshot) { crowdless(s) },
		"early drops long ago": func(s *fact.Snapshot) {
			facttest.IngressSandbox(s, 2).Counter("", "nf_conntrack.early_drop").Before = 9
		},
	} {
		s := meshAsked("26.1.5")
		f(s)
		if r := run(t, s); len(r.Causes) > 0 {
			t.Errorf("%s: %s", name, ids(r.Causes))
		}
	}
}

// crowdless: 0 means that there is no limit.
func crowdless(s *fact.Snapshot) {
	for i := range facttest.NodeOf(s, 2).Kernel.Namespaces {
		setSysctl(&facttest.NodeOf(s, 2).Kernel.Namespaces[i], "net.netfilter.nf_conntrack_max", "0")
	}
}

func TestConntrackFullUnknown(t *testing.T) {
	for _, k := range []fact.Kind{fact.KindSysctls, fact.KindCounters} {
		s := meshAsked("26.1.5")
		facttest.Miss(s, 2, k)
		wantAnswer(t, run(t, s), "conntrack-full", check.Unknown)
	}
}
