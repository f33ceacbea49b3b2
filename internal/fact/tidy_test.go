package fact_test

import (
	"testing"

	"fairway/internal/fact"
	"fairway/internal/facttest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"net/netip"
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
