package check_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestSummaryOfWhatIsNotCertain(t *testing.T) {
	for name, want := range map[string]string{
		"interrupted": "interrupted before the second look: 1 of 9 connections failed, not confirmed",
		"one-node":    "3 of 3 connections tried from n1 are open; tasks of web on n2, n3 could not try",
		"settling":    "1 contradiction seen and not confirmed: 9 of 9 connections open",
		"unknown":     "nothing wrong found, but not everything could be seen: 9 of 9 connections open",
	} {
		r := run(t, facttest.Scenario(name))
		if r.Verdict != check.VerdictUnknown || !strings.HasSuffix(r.Summary, want) {
			t.Errorf("%s: %s: %s; want it to end in %q", name, r.Verdict, r.Summary, want)
		}
	}
}

func TestInterruptedFindingIsNotSettling(t *testing.T) {
	r := run(t, facttest.Scenario("interrupted"))
	if len(r.Settling) != 0 || len(r.Causes) != 0 || len(r.Unconfirmed) == 0 {
		t.Errorf("causes %s, settling %s, unconfirmed %s", ids(r.Causes), ids(r.Settling), ids(r.Unconfirmed))
	}
}

func TestGapsAreInTheOrderOfNodes(t *testing.T) {
	s := facttest.Healthy()
	for _, n := range []string{"n3", "", "n2", "n3"} {
		s.Gaps = append(s.Gaps, fact.Gap{Node: n, Kind: fact.KindNode, Class: fact.ClassAside, Reason: "x" + n})
	}
	var got []string
	for _, g := range run(t, s).Gaps {
		got = append(got, g.Node)
	}
	if !slices.Equal(got, []string{"", "n2", "n3", "n3"}) {
		t.Errorf("%q", got)
	}
}
