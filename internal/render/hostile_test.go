package render_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fairway/internal/check"
	"fairway/internal/facttest"
	"fairway/internal/render"
)

// every calls f with every string of a value, which must be addressable.
func every(v reflect.Value, f func(reflect.Value)) {
	switch v.Kind() {
	case reflect.String:
		f(v)
	case reflect.Slice:
		for i := range v.Len() {
			every(v.Index(i), f)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			every(v.Elem(), f)
		}
	case reflect.Struct:
		if v.Type() != reflect.TypeFor[time.Time]() {
			for i := range v.NumField() {
				every(v.Field(i), f)
			}
		}
	}
}

// poisons are what a name or a message from outside may hold.
var poisons = []string{
	"\x1b[2J\x1b[31m", "\x1b]0;title\x07", "\x1b]52;c;ZXZpbA==\x07", "\u009b2J", "\r", "\n\nOK  all is well", "\b\b\b", "\x00", "\xff\xfe", "\u202egnp.exe", "\u2066",
	"\u200b", "\u2028", "\ufeff", "\U000e0041", "]]>", "<failure/>", "&amp;", `"`, "`",
}

// poisoned is a report with poison in every string; the enumerations that a
// renderer looks at are poisoned too.
func poisoned(t *testing.T, scenario, poison string) *check.Report {
	r := report(t, facttest.Scenario(scenario), checks())
	every(reflect.ValueOf(r).Elem(), func(v reflect.Value) { v.SetString(v.String() + poison) })
	return r
}

func TestHostileNamesStayText(t *testing.T) {
	sgr := regexp.MustCompile("\x1b\\[[0-9;]+m")
	for _, scenario := range facttest.Scenarios() {
		for _, poison := range poisons {
			r := poisoned(t, scenario, poison)
			before := dump(t, r)
			for _, colour := range []bool{false, true} {
				out := string(text(t, r, render.Options{Colour: colour}))
				if colour {
					out = sgr.ReplaceAllString(out, "")
				}
				harmless(t, scenario, poison, out)
			}
			var b bytes.Buffer
			if err := render.JUnit(&b, r); err != nil {
				t.Fatal(err)
			}
			harmless(t, scenario, poison, b.String())
			parses(t, b.Bytes())
			if dump(t, r) != before {
				t.Errorf("%s %q: rendering changed the report", scenario, poison)
			}
		}
	}
}

func dump(t *testing.T, r *check.Report) string {
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func harmless(t *testing.T, scenario, poison, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%s %q: not UTF-8", scenario, poison)
	}
	for _, r := range out {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%s %q: wrote %U", scenario, poison, r)
			return
		}
	}
	for l := range strings.Lines(out) {
		if strings.HasPrefix(l, "OK  all is well") {
			t.Errorf("%s %q: forged a line of its own", scenario, poison)
		}
	}
}

func parses(t *testing.T, b []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("XML: %v in\n%s", err, b)
		}
	}
}

func TestJSONIsLosslessAndHarmless(t *testing.T) {
	for _, poison := range poisons {
		r := poisoned(t, "fdb-missing", poison)
		var b bytes.Buffer
		if err := render.JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		for _, c := range b.String() {
			if c != '\n' && c != unicode.ReplacementChar && !unicode.IsPrint(c) {
				t.Errorf("%q: wrote %U", poison, c)
			}
		}
		var back check.Report
		if err := json.Unmarshal(b.Bytes(), &back); err != nil {
			t.Fatalf("%q: %v", poison, err)
		}
		if utf8.ValidString(poison) {
			if d := cmp.Diff(r, &back, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%q: %s", poison, d)
			}
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, p := range poisons {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := render.Clean(s)
		harmless(t, "", s, c)
		if strings.Contains(c, "\n") {
			t.Errorf("%q became %q", s, c)
		}
		if again := render.Clean(c); again != c {
			t.Errorf("%q, cleaned twice: %q", c, again)
		}
	})
}
