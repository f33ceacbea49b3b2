package check_test

import (
	"strings"
	"testing"

	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// TestCausesClaimOnlyWhatTheyCanProduce has a refusal and a link of another MTU
// on the same task: the second did not make the first.
func TestCausesClaimOnlyWhatTheyCanProduce(t *testing.T) {
	for _, o := range []fact.Outcome{fact.Refused, fact.Timeout} {
		s := facttest.Healthy()
		facttest.SandboxOf(s, 1, facttest.Web(1)).LinkNamed("eth0").MTU = 1500
		ladder(s, 1, 1454)
		facttest.Fail(s, 1, facttest.Api(2), o)
		r := run(t, s)
		if len(r.Causes) == 0 {
			t.Fatalf("%s: no cause", o)
		}
		for _, c := range r.Causes {
			for _, e := range c.Explains {
				if c.ID == "overlay-mtu-misconfigured" && strings.HasSuffix(e, ": "+string(o)) {
					t.Errorf("an MTU claims %q", e)
				}
			}
		}
		if !strings.Contains(r.Summary, "explained by no cause") {
			t.Errorf("%s: summary %q says nothing of what stays unexplained", o, r.Summary)
		}
	}
}

// TestCausesOfFailuresComeFirst: a proof that accounts for no failure stands
// behind what does.
func TestCausesOfFailuresComeFirst(t *testing.T) {
	s := facttest.Healthy()
	facttest.SandboxOf(s, 1, facttest.Web(1)).LinkNamed("eth0").MTU = 1500
	blockGossip(s, 1, 3, fact.Timeout)
	r := run(t, s)
	if len(r.Causes) != 2 || r.Causes[0].ID != "gossip-7946-blocked" || r.Causes[1].ID != "overlay-mtu-misconfigured" {
		t.Errorf("causes %s, want gossip first", ids(r.Causes))
	}
}
