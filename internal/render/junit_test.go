package render_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
	"fairway/internal/render"
)

// dialect is what jenkinsci/xunit-plugin's junit-10.xsd allows of what we write:
// the attributes of each element, and its parent.
var dialect = map[string]struct {
	parent string
	attrs  []string
}{
	"testsuites": {"", []string{"name", "time", "tests", "failures", "errors"}},
	"testsuite":  {"testsuites", []string{"name", "tests", "failures", "errors", "time", "skipped", "timestamp"}},
	"testcase":   {"testsuite", []string{"name", "time", "classname"}},
	"failure":    {"testcase", []string{"type", "message"}},
	"skipped":    {"testcase", []string{"type", "message"}},
	"system-out": {"testcase", nil},
}

// counted checks a document against the dialect and counts its elements.
func counted(t *testing.T, doc []byte) (n map[string]int, suite map[string]string) {
	t.Helper()
	n, suite = map[string]int{}, map[string]string{}
	stack := []string{""}
	for d := xml.NewDecoder(bytes.NewReader(doc)); ; {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return n, suite
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := tok.(type) {
		case xml.StartElement:
			rule, known := dialect[e.Name.Local]
			if !known || rule.parent != stack[len(stack)-1] {
				t.Errorf("element %s in %s", e.Name.Local, stack[len(stack)-1])
			}
			for _, a := range e.Attr {
				if !slices.Contains(rule.attrs, a.Name.Local) {
					t.Errorf("attribute %s of %s", a.Name.Local, e.Name.Local)
				}
				if e.Name.Local == "testsuite" {
					suite[a.Name.Local] = a.Value
				}
			}
			n[e.Name.Local]++
			stack = append(stack, e.Name.Local)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		}
	}
}

func junit(t *testing.T, r *check.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := render.JUnit(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJUnitCountsAndDialect(t *testing.T) {
	for _, name := range facttest.Scenarios() {
		for _, list := range [][]*check.Check{checks(), check.All()} {
			r := report(t, facttest.Scenario(name), list)
			n, suite := counted(t, junit(t, r))
			for element, attr := range map[string]string{"testcase": "tests", "failure": "failures", "skipped": "skipped"} {
				if suite[attr] != strconv.Itoa(n[element]) {
					t.Errorf("%s: %s=%s, but there are %d", name, attr, suite[attr], n[element])
				}
			}
			if n["testcase"] != len(list)+1 {
				t.Errorf("%s: %d testcases for %d checks and the question", name, n["testcase"], len(list))
			}
			agrees(t, name, r, n)
		}
	}
}

// agrees: CI must not be red where the exit code says that all is well, nor the
// other way round.
func agrees(t *testing.T, name string, r *check.Report, n map[string]int) {
	t.Helper()
	if (n["failure"] > 0) != (r.Verdict == check.VerdictFailed) {
		t.Errorf("%s: verdict %s with %d failures", name, r.Verdict, n["failure"])
	}
	if r.Verdict == check.VerdictOK && n["skipped"] > 0 || r.Verdict == check.VerdictUnknown && n["skipped"] == 0 {
		t.Errorf("%s: verdict %s with %d skipped", name, r.Verdict, n["skipped"])
	}
}

// finds is a check that found something of this certainty, on the path or not.
func finds(id string, c check.Certainty, node string) *check.Check {
	return &check.Check{ID: id, Title: id, Run: func(*check.In) []check.Finding {
		return []check.Finding{{Certainty: c, Node: node, Structural: true, Probed: true, Subject: check.Subject{Kind: "link", Name: "eth0"},
			Message: id + " on " + node}}
	}}
}

func TestJUnitOfHintsAndElsewhere(t *testing.T) {
	s := facttest.Healthy()
	s.Wanted.Nodes = append(s.Wanted.Nodes, fact.SwarmNode{ID: "far", Hostname: "far"})
	r := report(t, s, []*check.Check{finds("a-hint", check.Hint, "n1"), finds("far-off", check.Proof, "far")})
	n, _ := counted(t, junit(t, r))
	if len(r.Elsewhere) != 1 || len(r.Causes) != 1 || n["failure"] != 0 || n["skipped"] != 2 || n["system-out"] != 2 {
		t.Errorf("causes %d, elsewhere %d, elements %v", len(r.Causes), len(r.Elsewhere), n)
	}
	golden(t, "hint-and-elsewhere.xml", junit(t, r))
	golden(t, "hint-and-elsewhere.txt", text(t, r, render.Options{}))
}

func TestJUnitClassIsTheCommand(t *testing.T) {
	for to, class := range map[string]string{"api": `classname="fairway.diagnose" name="web`, "": `classname="fairway.check" name="the whole Swarm"`} {
		r := &check.Report{Question: check.Question{From: "web", To: to, Proto: "tcp"}, Verdict: check.VerdictOK}
		var b strings.Builder
		if err := render.JUnit(&b, r); err != nil || !strings.Contains(b.String(), class) {
			t.Errorf("%v, want %s in\n%s", err, class, b.String())
		}
	}
}
