package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"fairway/internal/check"
)

// mostChanges is how many lines of one picture a person is shown.
const mostChanges = 40

// Diff writes for people what changed from one snapshot to another: the causes
// first, then picture by picture.
func Diff(w io.Writer, d *check.Diff, o Options) error {
	own := *d
	scrub(reflect.ValueOf(&own).Elem(), false)
	p := &diffPage{page: newPage(o), d: &own}
	p.sides()
	p.causes()
	p.changes()
	p.notes()
	return p.writeTo(w)
}

// DiffJSON writes all of it as docs/diff.schema.json describes.
func DiffJSON(w io.Writer, d *check.Diff) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return fmt.Errorf("write the differences as JSON: %w", err)
	}
	_, err := w.Write(escapeUnprintable(b.Bytes()))
	return err
}

type diffPage struct {
	*page
	d *check.Diff
}

func (p *diffPage) sides() {
	for _, s := range []struct {
		label string
		of    *check.DiffSide
	}{{"From  ", &p.d.From}, {"To    ", &p.d.To}} {
		p.item(0, bold, s.label, fmt.Sprintf("%s UTC, %s: %s, %s", s.of.Taken.UTC().Format("2006-01-02 15:04:05"), asked(&s.of.Question), strings.ToUpper(string(s.of.Verdict)), s.of.Summary))
	}
	if p.d.Same() {
		p.blank()
		p.text(0, plain, "Nothing changed that both of them saw.")
	}
}

// signs stand before what appeared, went, changed and stayed.
var signs = map[check.How]string{check.Appeared: "+ ", check.Went: "- ", check.Changed: "~ ", check.Stayed: "= "}

func (p *diffPage) causes() {
	if len(p.d.Causes) == 0 {
		return
	}
	p.section("Causes (+ appeared, - went, = stayed)")
	for i := range p.d.Causes {
		c := &p.d.Causes[i]
		p.item(2, map[check.How]style{check.Appeared: bad, check.Went: good}[c.How], signs[c.How], marks(&c.Cause))
		p.text(4, plain, c.Message)
		if c.Unsure != "" {
			other := map[check.How]string{check.Appeared: "the first", check.Went: "the second"}[c.How]
			p.text(4, plain, "Not certain: "+other+" could not tell: "+clip(c.Unsure))
		}
	}
}

// heads are what the pictures are called.
var heads = []struct{ picture, head string }{
	{"wanted", "Wanted: what the managers decided"},
	{"believed", "Believed: what the engines know"},
	{"held", "Held: what the kernels have"},
	{"seen", "Seen: what probes got"},
	{"said", "Said: what logs complain of, in the windows that were read"},
}

func (p *diffPage) changes() {
	for _, h := range heads {
		list := slices.DeleteFunc(slices.Clone(p.d.Changes), func(c check.Change) bool { return c.Picture != h.picture })
		if len(list) == 0 {
			continue
		}
		p.section(h.head)
		lines := fold(list, func(c *check.Change) (string, string, bool) { return string(c.How) + "|" + became(c), c.Node, false })
		for i, l := range lines {
			if i == mostChanges {
				p.line(2, dim, fmt.Sprintf("… and %d more; -o json has them all", len(lines)-mostChanges))
				break
			}
			how, text, _ := strings.Cut(l.says, "|")
			if len(l.about) > 0 {
				text = some(l.about) + ": " + text
			}
			p.item(2, plain, signs[check.How(how)], text)
		}
	}
}

// became is a change without the node: what, and from what to what.
func became(c *check.Change) string {
	switch {
	case c.From == "" && c.To == "":
		return c.What
	case c.How == check.Changed:
		return c.What + ": " + nothing(c.From) + " ⇒ " + nothing(c.To)
	}
	return c.What + ": " + c.From + c.To
}

func nothing(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

func (p *diffPage) notes() {
	if len(p.d.NotCompared) == 0 {
		return
	}
	p.section("Not compared")
	p.list(2, p.d.NotCompared, most)
}
