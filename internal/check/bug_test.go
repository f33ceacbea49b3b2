package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// listings are a bug report's parts as text.
func listings(list []check.Listing) string {
	var b strings.Builder
	for _, l := range list {
		fmt.Fprintf(&b, "== %s: %s\n%s\n", l.Node, l.Title, strings.Join(l.Lines, "\n"))
	}
	return b.String()
}

func bugOf(t *testing.T, s *fact.Snapshot) *check.Bug {
	t.Helper()
	return check.BugReport(s, ran(t, s))
}

// TestBugIsOfBothEnds: n1 lacks a row for a task of n2; n3 has nothing to do with it.
func TestBugIsOfBothEnds(t *testing.T) {
	b := bugOf(t, facttest.Scenario("fdb-missing"))
	kernel, tables := listings(b.Kernel), listings(b.Tables)
	for _, n := range []string{"n1", "n2"} {
		if !strings.Contains(kernel, "== "+n+": bridge fdb show") || !strings.Contains(kernel, "== "+n+": ip neigh show") || !strings.Contains(tables, "== "+n+": docker network inspect -v app") {
			t.Errorf("%s is not in\n%s%s", n, kernel, tables)
		}
	}
	if strings.Contains(kernel+tables, "== n3") {
		t.Errorf("n3 is in\n%s%s", kernel, tables)
	}
	if got := listings(b.Versions); strings.Count(got, "Docker 26.1.5") != 3 {
		t.Errorf("versions of all nodes:\n%s", got)
	}
	if len(b.Info) != 3 || b.Info[0].Node != "n1" {
		t.Errorf("info of all nodes, the ends first:\n%s", listings(b.Info))
	}
}

// TestBugOfPublishedPorts holds what packets meet there.
func TestBugOfPublishedPorts(t *testing.T) {
	s := facttest.Mesh()
	s.Question = fact.Question{Published: 8080}
	got := listings(bugOf(t, s).Kernel)
	for _, want := range []string{"ipvsadm -L -n in ingress_sbox", "FWM ", "  -> 10.0.0.", "iptables-save in ingress_sbox", "-j MARK", "iptables-save | grep DOCKER-INGRESS in host", "-j DOCKER-INGRESS"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestBugSaysWhatWasNotSeen: an empty list is no table without rows.
func TestBugSaysWhatWasNotSeen(t *testing.T) {
	s := facttest.Scenario("fdb-missing")
	facttest.Miss(s, 2, fact.KindFDB)
	facttest.Blank(s, "n2", fact.KindFDB)
	if got := listings(bugOf(t, s).Kernel); !strings.Contains(got, "== n2: bridge fdb show in "+facttest.OverlayNS()+"\nnot seen: ") {
		t.Errorf("got\n%s", got)
	}
	s.Nodes = s.Nodes[:1]
	if got := listings(bugOf(t, s).Versions); strings.Count(got, "(by the managers, not looked at)") != 2 {
		t.Errorf("got\n%s", got)
	}
}

// TestBugKeepsTheRowsThatMatter: of a thousand rows the one in question stays.
func TestBugKeepsTheRowsThatMatter(t *testing.T) {
	s := facttest.Scenario("fdb-missing")
	ns := facttest.Overlay(s, 1)
	for i := range 1000 {
		ns.FDB = slices.Insert(ns.FDB, 0, fact.FDBEntry{MAC: fact.MAC{2, 3, 4, 5, byte(i >> 8), byte(i)}, Link: 10, Dst: facttest.VTEP(3), Self: true, Permanent: true})
	}
	ns.FDB = append(ns.FDB, fact.FDBEntry{MAC: fact.OverlayMAC(facttest.ApiIP(2)), Link: 10})
	for _, l := range bugOf(t, s).Kernel {
		if l.Node != "n1" || !strings.HasPrefix(l.Title, "bridge fdb") {
			continue
		}
		text := strings.Join(l.Lines, "\n")
		if len(l.Lines) > 101 || !strings.Contains(text, fact.OverlayMAC(facttest.ApiIP(2)).String()+" dev vxlan0 master br0") || !strings.Contains(text, "rows more") {
			t.Errorf("%d rows:\n%s", len(l.Lines), text)
		}
		return
	}
	t.Error("no FDB")
}

// TestBugWithoutAnybody: an engine that hangs tells nothing; that is a report, too.
func TestBugWithoutAnybody(t *testing.T) {
	s := &fact.Snapshot{Taken: facttest.Taken, Question: fact.Question{To: "api"}, Nodes: []fact.Node{{Name: "n1"}},
		Gaps: []fact.Gap{{Node: "n1", Kind: fact.KindInfo, Class: fact.ClassTimeout, Reason: "the engine does not answer"}}}
	b := bugOf(t, s)
	if b.Title == "" || !strings.Contains(listings(b.Versions), "n1 (role not known): engine not asked") {
		t.Errorf("%+v", b)
	}
}
