package check_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// asking is a mesh whose web asks for a place outside, broken so, looked at twice.
func asking(break1 func(*fact.Snapshot)) *fact.Snapshot {
	look := func() *fact.Snapshot {
		s := facttest.Outside(facttest.Mesh())
		break1(s)
		return s
	}
	s := look()
	s.Earlier = look()
	return s
}

// leavingFault expects exactly one cause of a question about a place outside, with
// these parts in what the report says of it; and nothing of it from a question
// between tasks.
func leavingFault(t *testing.T, break1 func(*fact.Snapshot), w want, parts ...string) {
	t.Helper()
	r := run(t, asking(break1))
	wantCause(t, r, w)
	c := r.Causes[0]
	text := fmt.Sprint(c.Message, c.Evidence, c.Relief, c.Explains, c.Confirm, c.Impact)
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in\n%s", p, text)
		}
	}
	s := facttest.Mesh()
	break1(s)
	s.Earlier = s
	r = runOnly(t, s)
	for _, c := range slices.Concat(r.Causes, r.Elsewhere) {
		if c.ID == w.id && w.id != "dns-upstream-unreachable" {
			t.Errorf("between tasks: %+v", c)
		}
	}
}

// leavingAnswer expects an answer of a check, and a part of its reason.
func leavingAnswer(t *testing.T, break1 func(*fact.Snapshot), id string, a check.Answer, part string) {
	t.Helper()
	r := run(t, asking(break1))
	wantAnswer(t, r, id, a)
	for _, c := range r.Checks {
		if c.ID == id && !strings.Contains(c.Reason, part) {
			t.Errorf("%s: reason %q lacks %q", id, c.Reason, part)
		}
	}
	if a == check.Unknown && r.Verdict == check.VerdictOK {
		t.Error("verdict ok")
	}
}

// everywhere does so on all three nodes.
func everywhere(f func(*fact.Snapshot, int)) func(*fact.Snapshot) {
	return func(s *fact.Snapshot) {
		for i := 1; i <= 3; i++ {
			f(s, i)
		}
	}
}

// TestOutsideNotAsked: without a question about a place outside none of its checks
// has anything to say.
func TestOutsideNotAsked(t *testing.T) {
	for _, s := range []*fact.Snapshot{facttest.Mesh(), facttest.Whole(facttest.Mesh())} {
		facttest.NodeOf(s, 2).Engine.Network(facttest.App).Internal = true
		s.Wanted.Network(facttest.App).Internal = true
		dropDefault(s, 2)
		r := runOnly(t, s)
		for _, id := range []string{"internal-network-no-egress", "egress-forward-dropped", "outside-name-unknown", "outside-unreachable"} {
			wantAnswer(t, r, id, check.OK)
		}
	}
}

// TestOutsideNothingTried: that nobody could try is no pass.
func TestOutsideNothingTried(t *testing.T) {
	leavingAnswer(t, func(s *fact.Snapshot) { s.Seen = fact.Seen{} }, "outside-unreachable", check.Unknown, "nobody could try")
}

// TestOutsideNamesOnly: what harms questions for names is no cause where an address
// was asked about.
func TestOutsideNamesOnly(t *testing.T) {
	s := facttest.Outside(facttest.Mesh())
	silentServer(s, 2, 5)
	s.Question.To = facttest.DBAddr.Addr().String()
	if r := run(t, s); len(r.Causes) != 0 || len(r.Elsewhere) != 1 {
		t.Errorf("causes %s, elsewhere %s", ids(r.Causes), ids(r.Elsewhere))
	}
}

// outsideFaults break a snapshot of a question about a place outside in every way
// that a check knows.
var outsideFaults = map[string]func(*fact.Snapshot){
	"internal": everywhere(enclose),
	"refused":  everywhere(func(s *fact.Snapshot, i int) { facttest.LostAt(s, i, fact.Refused, fact.Refused) }),
	"silent":   func(s *fact.Snapshot) { facttest.LostAt(s, 2, fact.Timeout, fact.Timeout) },
	"no name": func(s *fact.Snapshot) {
		facttest.UnnamedAt(s, 2, "NXDOMAIN")
		asksServers(s, 1, "192.0.2.53")
		asksServers(s, 2, "198.51.100.53")
	},
	"no servers": everywhere(func(s *fact.Snapshot, i int) { facttest.UnnamedAt(s, i, "SERVFAIL") }),
	"a rule": everywhere(func(s *fact.Snapshot, i int) {
		hostRule(s, i, "-A DOCKER-USER -i docker_gwbridge -p tcp -m tcp --dport 5432 -j DROP")
		facttest.LostAt(s, i, fact.Timeout, "")
	}),
	"overlap": func(s *fact.Snapshot) { led(s, 2, netip.MustParseAddr("10.0.1.200")) },
}

// TestOutsideShuffled: the order of lists means nothing, and no names get into a
// shell.
func TestOutsideShuffled(t *testing.T) {
	for name, f := range outsideFaults {
		want := gist(runOnly(t, asking(f)))
		s := asking(f)
		shuffle(reflect.ValueOf(s), rand.New(rand.NewPCG(7, 1)))
		if d := cmp.Diff(want, gist(runOnly(t, s))); d != "" {
			t.Errorf("%s (-sorted +shuffled):\n%s", name, d)
		}
		s = asking(f)
		rename(reflect.ValueOf(s).Elem(), renames["names"])
		s.Question.To = facttest.DB
		for _, c := range runOnly(t, s).Causes {
			for _, text := range []string{c.Relief, c.Confirm, c.Fix} {
				if bad := unquoted(text); bad != "" {
					t.Errorf("%s, %s: not quoted in %q", name, c.ID, bad)
				}
			}
		}
	}
}

// TestOutsideNoPanic: as TestNoPanic, of questions about places outside.
func TestOutsideNoPanic(t *testing.T) {
	for name, f := range outsideFaults {
		for seed := range uint64(30) {
			s := asking(f)
			facttest.Mangle(s, seed)
			func() {
				defer func() {
					if r := recover(); r != nil {
						t.Errorf("%s, seed %d: %v", name, seed, r)
						panic(r)
					}
				}()
				_, _ = check.Run(s, check.All(), 0)
			}()
		}
	}
}
