package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"fairway/internal/check"
)

// The JUnit dialect is the one that Jenkins and GitLab read
// (jenkinsci/xunit-plugin, junit-10.xsd).
type junitSuites struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Time     string     `xml:"time,attr"`
	Suite    junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Errors    int         `xml:"errors,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
	Out     *junitOut     `xml:"system-out"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Body    string `xml:",cdata"`
}

type junitOut struct {
	Body string `xml:",cdata"`
}

// JUnit writes one testcase for the question itself and one for each check.
// There is a failure exactly when the verdict is failed: a check that failed
// off the path, or on a hint alone, is not counted against the question.
func JUnit(w io.Writer, r *check.Report) error {
	r = cleaned(r)
	seconds := fmt.Sprintf("%.3f", float64(r.TookMS)/1000)
	s := junitSuite{Name: "fairway " + asked(&r.Question), Time: seconds, Timestamp: r.Taken.UTC().Format(time.RFC3339)}
	s.add(verdictCase(r, seconds))
	for i := range r.Checks {
		s.add(checkCase(r, &r.Checks[i]))
	}
	all := junitSuites{Name: "fairway", Tests: s.Tests, Failures: s.Failures, Time: seconds, Suite: s}
	b, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write the report as JUnit XML: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, b)
	return err
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
}

func verdictCase(r *check.Report, seconds string) junitCase {
	c := junitCase{Class: "fairway." + command(r), Name: asked(&r.Question), Time: seconds}
	m := &junitMessage{Message: r.Summary, Type: string(r.Verdict)}
	switch r.Verdict {
	case check.VerdictOK:
	case check.VerdictFailed:
		c.Failure = m
	default:
		c.Skipped = m
	}
	return c
}

// command is what was asked for: a question has a target or a published port.
func command(r *check.Report) string {
	if r.Question.To == "" && r.Question.Published == 0 {
		return "check"
	}
	return "diagnose"
}

func checkCase(r *check.Report, a *check.CheckAnswer) junitCase {
	c := junitCase{Class: "fairway.check", Name: a.ID, Time: "0"}
	firm, hints, off := pick(r.Causes, a.ID, false), pick(r.Causes, a.ID, true), pick(r.Elsewhere, a.ID, false)
	switch {
	case a.Answer == check.OK:
	case a.Answer == check.Unknown:
		c.Skipped = &junitMessage{Message: a.Reason}
	case len(firm) > 0:
		c.Failure = &junitMessage{Message: firm[0].Message, Type: string(firm[0].Certainty), Body: bodies(firm)}
	case len(hints) > 0:
		c.Skipped = &junitMessage{Message: "only a hint: " + hints[0].Message}
		c.Out = &junitOut{bodies(hints)}
	case len(off) > 0 || r.Verdict != check.VerdictFailed:
		c.Out = &junitOut{"not on the path of the question: " + a.Reason + "\n" + bodies(off)}
	default: // it follows from a cause
		c.Failure = &junitMessage{Message: a.Reason, Type: "consequence"}
	}
	return c
}

// pick returns the causes of one check, hints or all others.
func pick(list []check.Cause, id string, hints bool) []check.Cause {
	var out []check.Cause
	for _, c := range list {
		if c.ID == id && (c.Certainty == check.Hint) == hints {
			out = append(out, c)
		}
	}
	return out
}

func bodies(list []check.Cause) string {
	var b strings.Builder
	for i := range list {
		c := &list[i]
		fmt.Fprintf(&b, "\n%s\n", c.Message)
		for _, e := range c.Evidence {
			fmt.Fprintf(&b, "%s: want %s, got %s\n", e.Where, e.Want, e.Got)
		}
		for _, p := range []struct{ name, text string }{{"confirm", c.Confirm}, {"relief", c.Relief}, {"impact", c.Impact}, {"fix", c.Fix}} {
			fmt.Fprintf(&b, "%s: %s\n", p.name, strings.ReplaceAll(p.text, "\n", "\n  "))
		}
		for _, e := range c.Explains {
			fmt.Fprintf(&b, "follows: %s\n", e)
		}
	}
	return b.String()
}
