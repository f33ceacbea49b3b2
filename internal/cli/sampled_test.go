package cli

import (
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/facttest"
)

// TestSampledIsHealthy: a Swarm that is too large to try every pair of is told
// so, and is healthy all the same.
func TestSampledIsHealthy(t *testing.T) {
	s := facttest.Healthy()
	plan := expect.Plan{Each: 4, Of: 9, Pairs: expect.Share{N: 4096, Of: 9000}, Names: expect.Share{N: 5, Of: 6}, Hosts: expect.Share{N: 12, Of: 19}}
	s.Gaps = sampled(&plan)
	r, err := check.Run(s, check.All(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if r.ExitCode() != check.ExitOK || len(r.Gaps) != 3 {
		t.Errorf("exit %d, %d gaps, want 0 and 3", r.ExitCode(), len(r.Gaps))
	}
	for _, words := range []string{"a sample: ", "4 of 9 targets", "4096 of 9000 pairs", "5 of 6 look-ups", "12 of 19 others"} {
		if !strings.Contains(r.Summary, words) {
			t.Errorf("the summary does not say %q: %s", words, r.Summary)
		}
	}
	if gaps := sampled(&expect.Plan{Pairs: expect.Share{N: 6, Of: 6}, Hosts: expect.Share{N: 2, Of: 2}}); len(gaps) != 0 {
		t.Errorf("all were tried: %+v", gaps)
	}
}
