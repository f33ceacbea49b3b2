package said_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/check"
	"fairway/internal/said"
)

// With -update, the table is written instead of compared.
var update = flag.Bool("update", false, "write docs/log-patterns.md")

const preface = `# What logs say

Generated from ` + "`internal/said`" + ` by ` + "`make gen`" + `; a test keeps it fresh. A line counts where it contains one of the literals (and, for some, fits more closely: see the source).
The wordings are those of the engines from 17.05 to 29.7 and of Linux, old and new side by side: what a build says is decided by the libraries that it was made with, not by its
version (Debian's 20.10.24 says ` + "`but other probes failed`" + `). Literals leave out first letters where a release changed them, and what JSON logs escape.

What logs say corroborates and dates; it convicts nobody alone. *Tells* lists what is read out of the line beside its time: the other node (peer), an address, a network, a number (count).

`

// TestTableIsFresh compares docs/log-patterns.md with the patterns.
func TestTableIsFresh(t *testing.T) {
	const path = "../../docs/log-patterns.md"
	want := preface + "| ID | by | literals | means | benign | points at | tells |\n| --- | --- | --- | --- | --- | --- | --- |\n"
	for _, p := range said.Patterns() {
		want += row(p)
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(got), want); d != "" {
		t.Errorf("%s is old (-update writes it anew):\n%s", path, d)
	}
}

func row(p said.Pattern) string {
	literals := make([]string, len(p.Literals))
	for i, l := range p.Literals {
		literals[i] = "`" + strings.ReplaceAll(l, "|", "\\|") + "`"
	}
	benign := p.Benign
	if benign == "" {
		benign = "no"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s |\n", p.ID, p.From, strings.Join(literals, "<br>"), p.Means, benign,
		strings.Join(p.Points, ", "), strings.Join(tells(p), ", "))
}

// tells lists the details that a pattern's expressions look for, in one order.
func tells(p said.Pattern) []string {
	var list []string
	for _, what := range []string{"peer", "addr", "network", "count"} {
		for _, r := range p.Get {
			if slices.Contains(r.SubexpNames(), what) && !slices.Contains(list, what) {
				list = append(list, what)
			}
		}
	}
	if p.Stats {
		list = append(list, "figures")
	}
	return list
}

// later are root causes that have no check yet.
var later = []string{"swarm-cert-expired", "encryption-kernel-missing", "xfrm-state-missing"}

// TestPointsAreChecks holds the table to the checks that there are.
func TestPointsAreChecks(t *testing.T) {
	ids := slices.Clone(later)
	for _, c := range check.All() {
		ids = append(ids, c.ID)
	}
	for _, p := range said.Patterns() {
		for _, id := range p.Points {
			if !slices.Contains(ids, id) {
				t.Errorf("%s points at %q, which is no check", p.ID, id)
			}
		}
	}
}
