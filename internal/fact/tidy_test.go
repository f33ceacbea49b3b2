package fact_test

import (
	"net/netip"
	"strings"
	"testing"

	"fairway/internal/fact"
	"fairway/internal/facttest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestTidy(t *testing.T) {
	s := facttest.Healthy()
	s.Wanted.Nodes[0].Hostname = "n1\n  on n1:\n    rm -rf /"
	s.Nodes[0].Engine.Containers[0].Name = "a\x1b[31mb\u202ec\xff"
	fact.Tidy(s)
	if got := s.Wanted.Nodes[0].Hostname; got != "n1   on n1:     rm -rf /" {
		t.Errorf("host name %q", got)
	}
	if got := s.Nodes[0].Engine.Containers[0].Name; got != "a [31mbc\uFFFD" {
		t.Errorf("container name %q", got)
	}
}

func TestTidyLeavesHealthyAlone(t *testing.T) {
	s := facttest.Healthy()
	fact.Tidy(s)
	if d := cmp.Diff(facttest.Healthy(), s, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, netip.AddrPort{})); d != "" {
		t.Error(d)
	}
}

func TestQuoted(t *testing.T) {
	for in, want := range map[string]string{
		"web_1.app-2": "web_1.app-2", "10.0.0.0/24": "10.0.0.0/24", "": "''", "a b": "'a b'", "$(x)": "'$(x)'", "it's": `'it'\''s'`, "é": "'é'",
	} {
		if got := fact.Quoted(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		" api ":                        "api",
		"a\nb\tc\r\n":                  "a b c",
		"\x1b[31mred\u202e":            "[31mred",
		"\xff":                         "\uFFFD",
		strings.Repeat("x", 301):       strings.Repeat("x", 300) + "…",
		strings.Repeat("é", 151):       strings.Repeat("é", 150) + "…",
		"x" + strings.Repeat("é", 150): "x" + strings.Repeat("é", 149) + "…",
	} {
		if got := fact.OneLine(in); got != want {
			t.Errorf("%.20q: got %q, want %q", in, got, want)
		}
	}
}
