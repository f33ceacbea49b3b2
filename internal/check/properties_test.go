package check_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// hidden reports whether a check declares a kind of fact that the snapshot's
// gaps hide.
func hidden(s *fact.Snapshot, c *check.Check) bool {
	return slices.ContainsFunc(c.Needs, func(k fact.Kind) bool { return s.Missing("n1", "", k) != nil })
}

// TestAblationOfHealthy takes every kind of fact away in turn: a check that
// declares it says unknown, a check that does not says what it said before.
func TestAblationOfHealthy(t *testing.T) {
	for _, k := range fact.Kinds() {
		s := facttest.Healthy()
		facttest.MissAll(s, k)
		r := run(t, s)
		for _, c := range check.All() {
			if hidden(s, c) {
				wantAnswer(t, r, c.ID, check.Unknown)
			} else {
				wantAnswer(t, r, c.ID, check.OK)
			}
			if t.Failed() {
				t.Fatalf("without %s", k)
			}
		}
	}
}

// ablated does the same with a fault in the snapshot. A check may still find it
// by what is left; it must not call it well.
func ablated(t *testing.T, row *mutation) {
	i := slices.IndexFunc(check.All(), func(c *check.Check) bool { return c.ID == row.want.id })
	if i < 0 {
		return
	}
	c := check.All()[i]
	for _, k := range fact.Kinds() {
		s := facttest.Healthy()
		row.mutate(s)
		missAll(s, k)
		raw, err := check.AskRaw(s, c)
		if err != nil {
			continue // without this fact nobody knows the names of the question
		}
		if raw.Findings == 0 && (len(raw.Blind) == 0 || !hidden(s, c)) {
			t.Errorf("without %s, %s finds nothing; unknown because of %q", k, c.ID, raw.Blind)
		}
	}
}

// missAll is facttest.MissAll for snapshots that lack nodes.
func missAll(s *fact.Snapshot, k fact.Kind) {
	if k == fact.KindSwarm {
		facttest.MissAll(s, k)
		return
	}
	for i := 1; i <= 3; i++ {
		if n := facttest.NodeOf(s, i); n != nil && n.Engine != nil {
			facttest.Miss(s, i, k)
		}
	}
}

// reordered shuffles every list of the snapshot: the report says the same.
func reordered(t *testing.T, row *mutation) {
	s := facttest.Healthy()
	row.mutate(s)
	want := run(t, s)
	for seed := range uint64(2) {
		s := facttest.Healthy()
		row.mutate(s)
		shuffle(reflect.ValueOf(s), rand.New(rand.NewPCG(seed, 1)))
		if diff := cmp.Diff(gist(want), gist(runOnly(t, s))); diff != "" {
			t.Errorf("shuffled with seed %d, the report differs (-sorted +shuffled):\n%s", seed, diff)
		}
	}
}

// gist is what a report says, leaving out lists that follow the probes' order.
func gist(r *check.Report) any {
	for _, list := range [][]check.Cause{r.Causes, r.Elsewhere, r.Settling} {
		for i := range list {
			slices.Sort(list[i].Explains)
		}
	}
	return []any{r.Verdict, r.Summary, r.Question, r.Causes, r.Elsewhere, r.Settling, r.Checks, r.Tasks}
}

// shuffle reorders every slice below v, except bytes, and except those whose
// order means something: name servers are asked in turn, the VNI of a subnet
// stands at its place, and of rules the first that matches wins.
func shuffle(v reflect.Value, r *rand.Rand) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			shuffle(v.Elem(), r)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			switch v.Type().Field(i).Name {
			case "Nameservers", "Search", "VNIs", "Subnets", "Rules", "Matches":
			default:
				if v.Type().Field(i).IsExported() {
					shuffle(v.Field(i), r)
				}
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		r.Shuffle(v.Len(), reflect.Swapper(v.Interface()))
		for i := range v.Len() {
			shuffle(v.Index(i), r)
		}
	}
}

func TestOrderOfHealthy(t *testing.T) {
	reordered(t, &mutation{mutate: func(*fact.Snapshot) {}})
}

// later are root causes whose checks come with later issues; Because may name
// them already.
var later = []string{"encrypted-mtu"}

func TestRegistry(t *testing.T) {
	known := slices.Clone(later)
	for _, c := range check.All() {
		if slices.Contains(known, c.ID) {
			t.Errorf("%s: there twice, or among the later ones, too", c.ID)
		}
		known = append(known, c.ID)
	}
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	for _, c := range check.All() {
		if !kebab.MatchString(c.ID) {
			t.Errorf("%s: not kebab-case", c.ID)
		}
		d := c.Doc
		for name, part := range map[string]string{"title": c.Title, "symptom": d.Symptom, "cause": d.Cause, "by hand": d.ByHand, "relief": d.Relief, "fix": d.Fix} {
			if strings.TrimSpace(part) == "" || strings.TrimSpace(part) != part {
				t.Errorf("%s: %s is empty or badly trimmed: %q", c.ID, name, part)
			}
		}
		if c.Title != "" && (strings.ContainsRune(c.Title, '\n') || strings.HasSuffix(c.Title, ".")) {
			t.Errorf("%s: title %q is not one line without a full stop", c.ID, c.Title)
		}
		if len(c.Needs) == 0 || c.Run == nil {
			t.Errorf("%s: needs nothing, or does not run", c.ID)
		}
		for _, b := range c.Because {
			if !slices.Contains(known, b) || b == c.ID {
				t.Errorf("%s: explained by %s, which is not known", c.ID, b)
			}
		}
	}
}

// TestFiles: a check is one short file named after it, with its test beside it.
func TestFiles(t *testing.T) {
	for _, c := range check.All() {
		base := strings.ReplaceAll(c.ID, "-", "_")
		b, err := os.ReadFile(base + ".go")
		if err != nil {
			t.Errorf("%s: %v", c.ID, err)
			continue
		}
		if n := strings.Count(string(b), "\n"); n > 120 {
			t.Errorf("%s.go has %d lines, at most 120 keep it one thing", base, n)
		}
		if !strings.Contains(string(b), fmt.Sprintf("%q", c.ID)) {
			t.Errorf("%s.go is not about %s", base, c.ID)
		}
		if _, err := os.Stat(base + "_test.go"); err != nil {
			t.Errorf("%s: %v", c.ID, err)
		}
	}
	for _, f := range checkFiles(t) {
		if !slices.ContainsFunc(check.All(), func(c *check.Check) bool { return strings.ReplaceAll(c.ID, "-", "_")+".go" == f }) {
			t.Errorf("%s holds a check that is not in All", f)
		}
	}
}

// checkFiles lists the files that declare a check.
func checkFiles(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), "_test.go") || !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		b, err := os.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), " = &Check{") {
			out = append(out, e.Name())
		}
	}
	return out
}

// TestNoPanic: a case file is outside bytes, so no snapshot may break a check.
func TestNoPanic(t *testing.T) {
	for seed := range uint64(400) {
		s := facttest.Healthy()
		if seed%3 == 0 {
			s = broken()
			s.Earlier = facttest.Healthy()
		}
		facttest.Mangle(s, seed)
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("seed %d: %v", seed, r)
					panic(r)
				}
			}()
			_, _ = check.Run(s, check.All(), 0)
			check.WantsSecondLook(s, check.All())
		}()
	}
}
