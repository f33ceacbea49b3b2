package ipt

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
)

// answers are what Linux 6.18 sent about a set of prefixes, one with a comment,
// and about one with an exception.
func answers(t testing.TB) map[string][]byte {
	t.Helper()
	b, err := os.ReadFile("testdata/sets.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]byte)
	for line := range strings.Lines(string(b)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if out[name], err = hex.DecodeString(text); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestSetAnswers(t *testing.T) {
	all := answers(t)
	for name, want := range map[string]string{
		"nets": "[10.0.0.0/8 192.0.2.7/32] true", "nets6": "[2001:db8::/32] true", "but": "[] false",
	} {
		var a setAnswer
		if err := a.take(all[name]); err != nil {
			t.Fatal(err)
		}
		s := a.set(name)
		if got := describe(s.Members, s.Whole); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func FuzzSetAnswer(f *testing.F) {
	for _, b := range answers(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a setAnswer
		if a.take(b) != nil {
			return
		}
		s := a.set("x")
		if len(s.Members) > maxMembers || len(s.Members) > len(b)/4 {
			t.Errorf("%d members of %d bytes", len(s.Members), len(b))
		}
		for _, p := range s.Members {
			if !p.IsValid() {
				t.Errorf("a member that is none: %v", p)
			}
		}
	})
}

func describe(members []netip.Prefix, whole bool) string {
	slices.SortFunc(members, netip.Prefix.Compare)
	return fmt.Sprint(members, whole)
}
