package render_test

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
	"fairway/internal/render"
)

// bugReport writes a scenario as a bug report, changed before it is written.
func bugReport(t *testing.T, s *fact.Snapshot, change func(*check.Report)) string {
	t.Helper()
	r := report(t, s, checks())
	r.Bug = check.BugReport(s, r)
	if change != nil {
		change(r)
	}
	var b bytes.Buffer
	if err := render.Markdown(&b, r, render.Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// talkative adds what logs say to a scenario.
func talkative(name string) *fact.Snapshot {
	s := facttest.Scenario(name)
	n := facttest.NodeOf(s, 1)
	at := s.Taken.Add(-3 * 60e9)
	n.Said = &fact.Said{
		Windows: []fact.Window{{From: at.Add(-60e9), To: s.Taken}},
		Lines: []fact.LogLine{{At: at.Add(-600e9), From: fact.FromEngine, Text: "long before"},
			{At: at, From: fact.FromEngine, Text: `time="2026-11-23T09:57:00Z" level=error msg="peerAdd: entry already present"`},
			{At: at.Add(1e9), From: fact.FromKernel, Text: "a line beside it"}},
		Statements: []fact.Statement{{At: at, From: fact.FromEngine, ID: "entry-present", Text: "peerAdd: entry already present"}},
	}
	return s
}

func TestMarkdownGoldens(t *testing.T) {
	for _, name := range []string{"fdb-missing", "unexplained", "managers-silent"} {
		golden(t, name+".md", []byte(bugReport(t, talkative(name), nil)))
	}
}

func TestMarkdownHoldsWhatMaintainersAskFor(t *testing.T) {
	got := bugReport(t, talkative("fdb-missing"), nil)
	for _, want := range []string{
		"### Description", "### Reproduce", "### Expected ", "### docker version", "### docker info", "### Additional Info",
		"n1 (manager, leader): Docker 26.1.5", "docker network create --driver overlay --attachable --subnet 10.0.1.0/24 app",
		"docker service create --name api --replicas 3 --endpoint-mode dnsrr --network app",
		"02:42:0a:00:01:17 dev vxlan0 dst 10.77.0.13 self permanent", "10.0.1.22 dev vxlan0 lladdr 02:42:0a:00:01:16 PERMANENT",
		"task api.2.api2000000000000000000000 10.0.1.22 at 10.77.0.12", "bridge fdb replace 02:42:0a:00:01:16 dev vxlan0 dst 10.77.0.12 self permanent",
		"peerAdd: entry already present", "a line beside it", "<code>bridge fdb show in 1-netapp0000</code>",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "long before") {
		t.Error("a line far from any trouble is in it")
	}
}

// bare is what of a document GitHub reads as more than text: fences, code spans
// and our own tags are taken out. open counts the details that do not end.
func bare(t *testing.T, doc string) (text string, open int) {
	t.Helper()
	var out []string
	fence := ""
	for l := range strings.Lines(doc) {
		l = strings.TrimSuffix(l, "\n")
		run := l[:len(l)-len(strings.TrimLeft(l, "`"))]
		switch {
		case fence != "" && strings.TrimSpace(l) == run && len(run) >= len(fence):
			fence = ""
		case fence != "":
		case len(run) >= 3 && !strings.Contains(l[len(run):], "`"):
			fence = run
		default:
			if ourTags.MatchString(l) {
				open += strings.Count(l, "<details>") - strings.Count(l, "</details>")
			}
			out = append(out, uncoded(l))
		}
	}
	if fence != "" {
		t.Errorf("a fence does not end in\n%s", doc)
	}
	return strings.Join(out, "\n"), open
}

var (
	ourTags  = regexp.MustCompile(`^<details><summary>[A-Za-z0-9 ,:'()]*(<code>[^<>]*</code>[A-Za-z0-9 :]*)*</summary>$|^</details>$|^<!-- [^<>]* -->$`)
	ourMarks = regexp.MustCompile(`^### |^\*\*What cures it\*\*$|^- |^[123]\. `)
	links    = regexp.MustCompile("[@#<>\\[\\]*_~\\\\&|$`!]|(?i)www\\.|://|\\bgh-[0-9]|[0-9a-f]{7}|:[a-z]+:")
)

// uncoded takes code spans out of a line, as CommonMark pairs them.
func uncoded(l string) string {
	if ourTags.MatchString(l) {
		return ""
	}
	l = ourMarks.ReplaceAllString(l, "")
	var out strings.Builder
	for l != "" {
		i := strings.IndexByte(l, '`')
		if i < 0 {
			out.WriteString(l)
			break
		}
		out.WriteString(l[:i])
		l = l[i:]
		run := len(l) - len(strings.TrimLeft(l, "`"))
		end := closing(l[run:], run)
		if end < 0 {
			out.WriteString(l[:run])
			l = l[run:]
			continue
		}
		out.WriteString("CODE")
		l = l[run+end+run:]
	}
	return out.String()
}

// closing finds the next run of exactly so many backticks.
func closing(s string, n int) int {
	for i := 0; i < len(s); {
		if s[i] != '`' {
			i++
			continue
		}
		run := len(s[i:]) - len(strings.TrimLeft(s[i:], "`"))
		if run == n {
			return i
		}
		i += run
	}
	return -1
}

// tricks are what somebody may put into a name to have GitHub act on it.
var tricks = []string{
	"@moby/maintainers", " @torvalds", "#1234", "moby/moby#1", "GH-77", "(GH-77)", "https://evil.example", "www.evil.example", "a@evil.example",
	"<img src=x onerror=alert(1)>", "<!-- ", " -->", "</details>", "</code>", "</summary>", "![x](y)", "[x](y)", "**bold**", "_x_", "~~x~~", "| a | b |", "$x$", `\`,
	"`", "``", "```", "````\n@moby", "`@moby`", "` @moby `", "\n```\n@moby\n", "\n# head", "- [ ] x", "1. x", "===", "---", "> x", "&lt;b&gt;", "0123456789abcdef0123456789abcdef01234567", ":tada:",
}

func TestMarkdownOfHostileNames(t *testing.T) {
	for _, name := range []string{"fdb-missing", "managers-silent"} {
		for i, poison := range append(append([]string{}, tricks...), poisons...) {
			n := i
			got := bugReport(t, talkative(name), func(r *check.Report) {
				every(reflect.ValueOf(r).Elem(), func(v reflect.Value) {
					n++ // after, before, alone
					v.SetString([]string{v.String() + poison, poison + v.String(), poison}[n%3])
				})
			})
			// Commands stand in code, a line each.
			harmless(t, name, poison, strings.ReplaceAll(got, "\nOK ", "\n OK "))
			text, open := bare(t, got)
			harmless(t, name, poison, text)
			if m := links.FindString(text); m != "" {
				t.Fatalf("%s, %q: %q stands bare in\n%s\n----\n%s", name, poison, m, text, got)
			}
			if open != 0 {
				t.Errorf("%s, %q: %d details do not end", name, poison, open)
			}
		}
	}
}

// TestMarkdownFitsAnIssue: GitHub takes 65536 characters.
func TestMarkdownFitsAnIssue(t *testing.T) {
	s := talkative("fdb-missing")
	for i := range 3 {
		n := facttest.NodeOf(s, i+1)
		n.Said = &fact.Said{}
		for k := range 3000 {
			at := s.Taken.Add(-30e9)
			n.Said.Lines = append(n.Said.Lines, fact.LogLine{At: at, From: fact.FromEngine, Text: strings.Repeat("x", 900)})
			n.Said.Statements = append(n.Said.Statements, fact.Statement{At: at, From: fact.FromEngine, Text: fmt.Sprint("trouble ", k)})
		}
	}
	if got := bugReport(t, s, nil); len(got) > 65536 || !strings.Contains(got, "more; the case file has them all") {
		t.Errorf("%d bytes", len(got))
	}
}

func TestMarkdownSaysToKeepTheEvidence(t *testing.T) {
	costly := func(r *check.Report) { r.Causes[0].Impact = check.ImpactNode("n1") }
	if got := bugReport(t, talkative("fdb-missing"), costly); !strings.Contains(got, "Before that, keep the evidence: `fairway diagnose web api:8080 --save case.fairway`") {
		t.Errorf("not in\n%s", got)
	}
	r := report(t, talkative("fdb-missing"), checks())
	costly(r)
	var b bytes.Buffer
	if err := render.Markdown(&b, r, render.Options{Kept: true}); err != nil || strings.Contains(b.String(), "keep the evidence") {
		t.Errorf("%v: said though it is kept", err)
	}
}

// TestMarkdownOfAnyWords: whatever words are made of, none of them is more than
// a word.
func TestMarkdownOfAnyWords(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("ab1.:-()`@#<>[]*_~|$&!/\\'\"=+→ \nß\u202e")), 0, 40, -1)
	s := talkative("fdb-missing")
	rapid.Check(t, func(rt *rapid.T) {
		said := rapid.SliceOfN(word, 5, 5).Draw(rt, "words")
		got := bugReport(t, s, func(r *check.Report) {
			r.Summary, r.Bug.Title = said[0], said[1]
			r.Causes[0].Message, r.Causes[0].Title, r.Causes[0].Fix = said[2], said[3], said[4]
			r.Causes[0].Explains = said
			r.Bug.Kernel[0].Title, r.Bug.Kernel[0].Node, r.Bug.Kernel[0].Lines = said[0], said[1], said
		})
		text, open := bare(t, got)
		if m := links.FindString(text); m != "" || open != 0 || t.Failed() {
			rt.Fatalf("%q: %q stands bare, %d details do not end, in\n%s", said, m, open, text)
		}
	})
}
