package render

import (
	"io"
	"slices"
	"strings"

	"fairway/internal/check"
)

// Explain writes the manual page of a check.
func Explain(w io.Writer, c *check.Check, o Options) error {
	p := newPage(o)
	p.item(0, bold, c.ID+"  ", c.Title)
	for _, part := range []struct{ title, body string }{
		{"Symptom", c.Doc.Symptom}, {"Cause", c.Doc.Cause}, {"See it by hand", c.Doc.ByHand}, {"Relief", c.Doc.Relief}, {"Fix", c.Doc.Fix},
	} {
		p.section(part.title)
		for l := range strings.Lines(part.body) {
			p.text(2, plain, l)
		}
	}
	if because := reasons(c); len(because) > 0 {
		p.section("Where one of these is found on the same objects, this follows from it")
		p.text(2, plain, strings.Join(because, ", "))
	}
	var needs []string
	for _, k := range c.Needs {
		needs = append(needs, string(k))
	}
	if len(needs) > 0 {
		p.section("Cannot be judged without")
		p.text(2, plain, strings.Join(needs, ", "))
	}
	return p.writeTo(w)
}

// reasons are the checks that explain a check's finding; of those that are only
// planned there is no page to read.
func reasons(c *check.Check) []string {
	return slices.DeleteFunc(slices.Clone(c.Because), func(id string) bool {
		return !slices.ContainsFunc(check.All(), func(k *check.Check) bool { return k.ID == id })
	})
}

// List writes the ID and title of every check, one a line.
func List(w io.Writer, checks []*check.Check, o Options) error {
	p := newPage(o)
	wide := 0
	for _, c := range checks {
		wide = max(wide, columns(c.ID))
	}
	for _, c := range checks {
		p.item(0, bold, c.ID+strings.Repeat(" ", wide-columns(c.ID)+2), c.Title)
	}
	return p.writeTo(w)
}
