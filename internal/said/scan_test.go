package said

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// naive is what Scan must find: lines with a literal in them.
func naive(data []byte, literals []string) []string {
	var found []string
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		for _, l := range literals {
			if bytes.Contains(line, []byte(l)) {
				found = append(found, string(line))
				break
			}
		}
	}
	return found
}

func scanned(s *scanner, data []byte) []string {
	var found []string
	s.lines(data, func(line []byte) { found = append(found, string(line)) })
	return found
}

// same fails where the scanner and strings.Contains do not find the same lines.
func same(t interface {
	Helper()
	Fatalf(string, ...any)
}, s *scanner, data []byte) {
	t.Helper()
	got, want := scanned(s, data), naive(data, s.literals)
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Fatalf("in %q\n got %q\nwant %q", data, got, want)
	}
	for _, line := range want {
		if !s.contains(line) {
			t.Fatalf("contains misses %q", line)
		}
	}
}

// Any literals, over few letters, so that they overlap.
func TestScanFindsAsContainsDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		literals := rapid.SliceOfNDistinct(rapid.StringMatching(`[ab ]{1,12}|[ab]{6,40}`), 1, 12, rapid.ID[string]).Draw(t, "literals")
		data := rapid.SliceOfN(rapid.SampledFrom([]byte("aab \n")), 0, 400).Draw(t, "data")
		same(t, newScanner(literals), data)
	})
}

// Our own literals, whole and cut, in noise.
func TestScanFindsOurLiterals(t *testing.T) {
	literals := Literals()
	s := newScanner(literals)
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.OneOf(rapid.SampledFrom(literals), rapid.StringMatching(`[ -~\n]{0,30}`), rapid.Custom(func(t *rapid.T) string {
			l := rapid.SampledFrom(literals).Draw(t, "of")
			from := rapid.IntRange(0, len(l)).Draw(t, "from")
			return l[from:rapid.IntRange(from, len(l)).Draw(t, "to")]
		}))
		same(t, s, []byte(strings.Join(rapid.SliceOfN(piece, 0, 20).Draw(t, "pieces"), rapid.SampledFrom([]string{"", " ", "\n"}).Draw(t, "between"))))
	})
}

func TestScanEachLiteralAlone(t *testing.T) {
	s := newScanner(Literals())
	if s.window < 16 {
		t.Errorf("a literal of %d bytes makes all scanning slow", s.window)
	}
	for _, l := range s.literals {
		for _, text := range []string{l, "x" + l, l + "x", "a\n" + l + "\nb", l[1:] + l} {
			if got, want := scanned(s, []byte(text)), naive([]byte(text), s.literals); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%q: got %q, want %q", text, got, want)
			}
		}
		if strings.ContainsAny(l, "\"\\<>&\n") {
			t.Errorf("%q: a log format escapes a character of it", l)
		}
	}
}

func FuzzScan(f *testing.F) {
	s := newScanner(Literals())
	f.Add([]byte("x\nmemberlist: Suspect a has failed, no acks received\ny"))
	for _, l := range s.literals {
		f.Add([]byte(l))
	}
	f.Fuzz(func(t *testing.T, data []byte) { same(t, s, data) })
}
