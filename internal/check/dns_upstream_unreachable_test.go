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

// TestDNSUpstreamAsked: questions for the name of a place outside show it, too.
func TestDNSUpstreamAsked(t *testing.T) {
	id := "dns-upstream-unreachable"
	node := want{id: id, node: "n2", subject: "n2", certainty: check.Strong}
	for _, rcode := range []string{"SERVFAIL", "REFUSED", ""} {
		t.Run("in both looks: "+rcode, func(t *testing.T) {
			leavingFault(t, func(s *fact.Snapshot) {
				facttest.UnnamedAt(s, 2, rcode)
				asksServers(s, 2, "192.0.2.53")
			}, node, "containers on n2 about db.example.com", "asked for by web.2", "10.0.1.11, 10.0.1.12, 10.0.1.13", "dig +time=4 +tries=1 @192.0.2.53 db.example.com", "no address")
		})
	}
	t.Run("one look is not enough", func(t *testing.T) {
		s := facttest.Outside(facttest.Mesh())
		facttest.UnnamedAt(s, 2, "SERVFAIL")
		if r := run(t, s); len(r.Causes) != 0 || !check.WantsSecondLook(s, check.All()) {
			t.Errorf("causes %s", ids(r.Causes))
		}
	})
	t.Run("a rule drops it", func(t *testing.T) {
		drop := func(s *fact.Snapshot) {
			facttest.UnnamedAt(s, 2, "SERVFAIL")
			asksServers(s, 2, "127.0.0.53", "192.0.2.53")
			hostRule(s, 2, "-A FORWARD -i docker_gwbridge -p udp -m udp --dport 53 -j DROP")
		}
		leavingFault(t, drop, node, "n2 itself drops what containers ask the name server 192.0.2.53", "--dport 53 -j ACCEPT")
		s := facttest.Outside(facttest.Mesh())
		drop(s)
		wantCause(t, run(t, s), node)
	})
	t.Run("with the log, one finding", func(t *testing.T) {
		leavingFault(t, func(s *fact.Snapshot) {
			facttest.UnnamedAt(s, 2, "SERVFAIL")
			silentServer(s, 2, 5)
		}, node, "5 times since", "SERVFAIL")
	})
	outside := "the name servers outside fail to answer containers on n2"
	t.Run("a server on the host itself, which is not forwarded to", func(t *testing.T) {
		leavingFault(t, func(s *fact.Snapshot) {
			facttest.UnnamedAt(s, 2, "SERVFAIL")
			asksServers(s, 2, "10.77.0.12")
			hostRule(s, 2, "-A DOCKER-USER -i docker_gwbridge -d 10.77.0.0/24 -j DROP")
		}, node, outside)
	})
	t.Run("the log is about a server that the task does not ask", func(t *testing.T) {
		leavingFault(t, func(s *fact.Snapshot) {
			facttest.UnnamedAt(s, 2, "SERVFAIL")
			silentServer(s, 2, 5)
			asksServers(s, 2, "198.51.100.53")
		}, node, outside)
	})
	t.Run("a container that gets an answer", func(t *testing.T) {
		r := run(t, asking(func(s *fact.Snapshot) {
			other := s.Seen.DNS[0]
			for _, d := range s.Seen.DNS {
				if d.Name == facttest.DB && d.From == facttest.Source(2) {
					other = d
				}
			}
			facttest.UnnamedAt(s, 2, "SERVFAIL")
			other.From.Container, other.From.Task = facttest.Container(facttest.Api(2)), facttest.Api(2)
			s.Seen.DNS = append(s.Seen.DNS, other)
		}))
		wantCause(t, r, want{id: id, node: "n2", certainty: check.Hint})
	})
	t.Run("the resolver is dead", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			for k := range s.Seen.DNS {
				if d := &s.Seen.DNS[k]; d.From == facttest.Source(2) {
					d.Outcome, d.RCode, d.Addrs = fact.Timeout, "", nil
				}
			}
		}, id, check.OK, "")
	})
	t.Run("whether the resolver lives is not known", func(t *testing.T) {
		leavingAnswer(t, func(s *fact.Snapshot) {
			facttest.UnnamedAt(s, 2, "")
			s.Seen.DNS = slices.DeleteFunc(s.Seen.DNS, func(d fact.DNSProbe) bool { return d.From == facttest.Source(2) && d.Name != facttest.DB })
		}, id, check.Unknown, "whether its resolver lives was not asked")
	})
	t.Run("too many questions at once", func(t *testing.T) {
		r := run(t, asking(func(s *fact.Snapshot) {
			facttest.UnnamedAt(s, 2, "REFUSED")
			facttest.Say(s, 2, time.Second, fact.Statement{ID: "dns-forward-limit", Count: 1024, Text: "[resolver] more than 1024 concurrent queries"})
		}))
		wantCause(t, r, want{id: "dns-forward-limit", node: "n2"})
		if !strings.Contains(strings.Join(r.Causes[0].Explains, ""), "no address (REFUSED)") {
			t.Errorf("%+v", r.Causes[0].Explains)
		}
	})
}
