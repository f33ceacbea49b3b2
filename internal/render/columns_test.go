package render_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/width"
	"pgregory.net/rapid"

	"fairway/internal/check"
	"fairway/internal/facttest"
	"fairway/internal/render"
)

// shown is how many columns a line takes, counted apart from the code under
// test.
func shown(s string) int {
	n := 0
	for _, r := range s {
		switch k := width.LookupRune(r).Kind(); {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case k == width.EastAsianWide || k == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// fits checks that no line is wider than the page but those that hold one
// whole command.
func fits(t interface{ Errorf(string, ...any) }, out string, most int, commands map[string]bool) {
	for l := range strings.Lines(out) {
		l = strings.TrimRight(l, "\n")
		if shown(l) > most && !commands[strings.TrimSpace(l)] && !strings.Contains(l, "`") {
			t.Errorf("%d columns: %q", shown(l), l)
		}
	}
}

// commands are the lines that a report's reader will copy.
func commands(r *check.Report) map[string]bool {
	out := map[string]bool{}
	for _, list := range [][]check.Cause{r.Causes, r.Elsewhere, r.Settling, r.Unconfirmed} {
		for _, c := range list {
			for l := range strings.Lines(c.Relief + "\n" + c.Confirm + "\n" + c.Fix) {
				if _, after, ok := strings.Cut(strings.TrimSpace(l), ": "); ok {
					out[after] = true
				}
			}
		}
	}
	return out
}

func TestFitsEightyColumns(t *testing.T) {
	for _, name := range facttest.Scenarios() {
		r := report(t, facttest.Scenario(name), check.All())
		out := string(text(t, r, render.Options{}))
		fits(t, out, 80, commands(r))
		for _, c := range r.Causes {
			for l := range strings.Lines(c.Relief + "\n" + c.Confirm) {
				if _, command, ok := strings.Cut(strings.TrimSpace(l), ": "); ok && strings.HasPrefix(command, "nsenter") && !strings.Contains(out, " "+command+"\n") {
					t.Errorf("%s: command was broken: %s", name, command)
				}
			}
		}
	}
}

func TestAnyTextFitsItsPage(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abc.-:ß漢字\u0301\x1b\n\t\u202e/")), 1, 90, -1)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(facttest.Scenarios()).Draw(t, "scenario")
		most := rapid.IntRange(60, 100).Draw(t, "columns")
		pool := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(word, 1, 12).Draw(t, "words"), " ")
		}), 1, 6).Draw(t, "texts")
		r, err := check.Run(facttest.Scenario(name), checks(), 0)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		every(reflect.ValueOf(r).Elem(), func(v reflect.Value) {
			if n++; v.String() != "" && n%3 == 0 {
				v.SetString(pool[n%len(pool)])
			}
		})
		var b bytes.Buffer
		if err := render.Text(&b, r, render.Options{Width: most}); err != nil {
			t.Fatal(err)
		}
		fits(t, b.String(), most, commands(r))
	})
}

func TestManualPagesFitAndSayEverything(t *testing.T) {
	for _, c := range check.All() {
		var b bytes.Buffer
		if err := render.Explain(&b, c, render.Options{}); err != nil {
			t.Fatal(err)
		}
		fits(t, b.String(), 80, nil)
		for _, part := range []string{c.ID, "Symptom", "Cause", "See it by hand", "Relief", "Fix"} {
			if !strings.Contains(b.String(), part) {
				t.Errorf("%s: no %q in its page", c.ID, part)
			}
		}
	}
	var b bytes.Buffer
	if err := render.List(&b, check.All(), render.Options{}); err != nil {
		t.Fatal(err)
	}
	fits(t, b.String(), 80, nil)
}

// TestManyAreFolded: two hundred tasks are not two hundred lines.
func TestManyAreFolded(t *testing.T) {
	r := report(t, facttest.Scenario("unexplained"), checks())
	for i := range 200 {
		task, probe, gap := r.Tasks[3], r.Probes[0], check.Gap{Node: fmt.Sprint("w", i), What: "node", Reason: fmt.Sprint("w", i, " was not looked at")}
		task.Name, probe.To, probe.Address = fmt.Sprint("api.", i), fmt.Sprint("api.", i), fmt.Sprint("10.0.9.", i)
		if i < 30 {
			probe.Outcome = "timeout"
		}
		r.Tasks, r.Probes, r.Gaps = append(r.Tasks, task), append(r.Probes, probe), append(r.Gaps, gap)
	}
	out := string(text(t, r, render.Options{}))
	if n := strings.Count(out, "\n"); n > 90 {
		t.Errorf("%d lines:\n%s", n, out)
	}
	for _, want := range []string{"205 tasks more, none in trouble", "Connections: 177 of 209 open", "19 targets more with failures", "and 188 more; -o json has them all"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestManualPagesNameOnlyPagesThatExist(t *testing.T) {
	c := *check.All()[0]
	c.Because = []string{check.All()[1].ID, "no-such-check"}
	var b bytes.Buffer
	if err := render.Explain(&b, &c, render.Options{}); err != nil {
		t.Fatal(err)
	}
	if out := b.String(); strings.Contains(out, "no-such-check") || !strings.Contains(out, check.All()[1].ID) {
		t.Errorf("page:\n%s", out)
	}
}
