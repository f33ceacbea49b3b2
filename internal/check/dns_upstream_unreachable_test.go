package check_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

var upstream = netip.MustParseAddr("192.0.2.53")

// silentServer makes node i's engine say so often that a server did not answer.
func silentServer(s *fact.Snapshot, i, times int) { failingServer(s, i, times, upstream) }

func failingServer(s *fact.Snapshot, i, times int, a netip.Addr) {
	for n := range times {
		facttest.Say(s, i, time.Duration(n)*time.Second, fact.Statement{ID: "dns-upstream-failed", Addr: a, Text: "[resolver] failed to query external DNS server"})
	}
	if ns := facttest.SandboxOf(s, i, facttest.Web(i)); ns.Resolv != nil {
		ns.Resolv.Upstream = []netip.Addr{a}
	}
}

func TestDNSUpstreamUnreachable(t *testing.T) {
	s := facttest.Healthy()
	silentServer(s, 2, 5)
	if r := run(t, s); len(r.Causes) != 0 || len(r.Elsewhere) != 1 {
		t.Errorf("causes %s, elsewhere %s", ids(r.Causes), ids(r.Elsewhere))
	}
	r := run(t, facttest.Whole(s))
	wantCause(t, r, want{id: "dns-upstream-unreachable", node: "n2", subject: "n2", certainty: check.Hint})
	if len(r.Causes[0].Evidence) != 2 || !strings.Contains(r.Causes[0].Confirm, "192.0.2.53") {
		t.Errorf("%+v", r.Causes[0])
	}
}

// The host's own firewall is read: then it is more than a hint.
func TestDNSUpstreamDropped(t *testing.T) {
	s := facttest.Mesh()
	s.Question = fact.Question{All: true}
	hostRule(s, 2, "-A FORWARD -p udp -m udp --dport 53 -j DROP")
	silentServer(s, 2, 5)
	r := run(t, s)
	wantCause(t, r, want{id: "dns-upstream-unreachable", node: "n2", certainty: check.Strong})
	if c := r.Causes[0]; !strings.Contains(c.Relief, "--dport 53 -j ACCEPT") || !strings.Contains(c.Message, "itself drops") {
		t.Errorf("%+v", c)
	}
}

func TestDNSUpstreamOnLoopback(t *testing.T) {
	s := facttest.Whole(facttest.Healthy())
	failingServer(s, 1, 3, netip.MustParseAddr("127.0.0.53"))
	r := run(t, s)
	wantCause(t, r, want{id: "dns-upstream-unreachable", node: "n1"})
	if !strings.Contains(r.Causes[0].Message, "loopback") {
		t.Error(r.Causes[0].Message)
	}
}

func TestDNSUpstreamIsNot(t *testing.T) {
	s := facttest.Whole(facttest.Healthy())
	silentServer(s, 2, 2)
	wantAnswer(t, run(t, s), "dns-upstream-unreachable", check.OK)
	s = facttest.Healthy()
	facttest.Miss(s, 2, fact.KindLogs)
	wantAnswer(t, run(t, s), "dns-upstream-unreachable", check.Unknown)
}
