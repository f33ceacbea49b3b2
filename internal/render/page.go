package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Options say what the place that is written to can show.
type Options struct {
	// Colour allows SGR sequences. What they mark is always said in words, too.
	Colour bool
	// Width is in columns; 0 means 80.
	Width int
	// Kept says that the evidence is in a file already, or came from one: then
	// nobody needs to be told to save it before a relief.
	Kept bool
}

// style is the parameter of an SGR sequence (ECMA-48, 8.3.117); empty is plain.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	bad    style = "1;31"
	good   style = "1;32"
	unsure style = "1;33"
	code   style = "36"
)

// page lays text out in columns.
type page struct {
	b      strings.Builder
	width  int
	colour bool
	kept   bool
}

func newPage(o Options) *page {
	p := &page{width: o.Width, colour: o.Colour, kept: o.Kept}
	if p.width == 0 {
		p.width = 80
	}
	return p
}

func (p *page) writeTo(w io.Writer) error {
	_, err := io.WriteString(w, p.b.String())
	return err
}

func (p *page) paint(st style, s string) string {
	if !p.colour || st == plain || s == "" {
		return s
	}
	return "\x1b[" + string(st) + "m" + s + "\x1b[0m"
}

func (p *page) line(indent int, st style, s string) {
	if s == "" {
		p.b.WriteByte('\n')
		return
	}
	fmt.Fprintf(&p.b, "%*s%s\n", indent, "", p.paint(st, s))
}

func (p *page) blank() { p.line(0, plain, "") }

// section starts a part of the page.
func (p *page) section(title string) {
	p.blank()
	p.text(0, bold, title)
}

// text writes running text, wrapped on words.
func (p *page) text(indent int, st style, s string) {
	for _, l := range wrap(s, p.width-indent) {
		p.line(indent, st, l)
	}
}

// item writes running text behind a label, the following lines below its first.
func (p *page) item(indent int, st style, label, s string) {
	in := indent + columns(label)
	for i, l := range wrap(s, p.width-in) {
		if i == 0 {
			fmt.Fprintf(&p.b, "%*s%s%s\n", indent, "", p.paint(st, label), l)
			continue
		}
		p.line(in, plain, l)
	}
}

// list writes at most so many items, and how many were left out.
func (p *page) list(indent int, items []string, most int) {
	for i, s := range items {
		if i == most {
			p.line(indent, dim, fmt.Sprintf("… and %d more; -o json has them all", len(items)-most))
			return
		}
		p.item(indent, plain, "- ", s)
	}
}

// table writes rows below a head, or, where the page is too narrow for them,
// every row as a first cell with the others named below it. notes[i], when
// there is one, goes below row i.
func (p *page) table(indent int, head []string, rows [][]string, notes []string) {
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	total := indent - 2
	for _, w := range widths {
		total += w + 2
	}
	fits := total <= p.width
	if fits {
		p.line(indent, dim, cells(head, widths))
	}
	for i, row := range rows {
		if fits {
			p.line(indent, plain, cells(row, widths))
		} else {
			p.record(indent, head, row)
		}
		if i < len(notes) && notes[i] != "" {
			p.text(indent+2, plain, notes[i])
		}
	}
}

func cells(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(cell)
		b.WriteString(strings.Repeat(" ", widths[i]-columns(cell)+2))
	}
	return strings.TrimRight(b.String(), " ")
}

func (p *page) record(indent int, head, row []string) {
	p.text(indent, plain, row[0])
	var rest []string
	for i := 1; i < len(row); i++ {
		if row[i] != "" {
			rest = append(rest, strings.ToLower(head[i])+" "+row[i])
		}
	}
	p.text(indent+2, plain, strings.Join(rest, ", "))
}

// wrap breaks text into lines of at most so many columns. Text between
// backticks is somebody's command and stays on one line, however long; any
// other word that is longer than a line is cut.
func wrap(s string, most int) []string {
	most = max(most, 20)
	var out []string
	line := ""
	for _, w := range words(s) {
		switch {
		case line == "":
		case columns(line)+1+columns(w) <= most:
			line += " " + w
			continue
		default:
			out = append(out, line)
		}
		for line = w; columns(line) > most && !strings.Contains(line, "`"); {
			head := Cut(line, most)
			out, line = append(out, head), line[len(head):]
		}
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}

// Wrap breaks a clean text for a terminal of so many columns; the lines after the
// first are indented.
func Wrap(s string, most, indent int) string {
	lines := wrap(s, most-indent)
	return strings.Join(lines, "\n"+strings.Repeat(" ", indent))
}

// words splits at spaces outside backticks.
func words(s string) []string {
	var out []string
	for f := range strings.FieldsSeq(s) {
		if n := len(out); n > 0 && strings.Count(out[n-1], "`")%2 == 1 {
			out[n-1] += " " + f
			continue
		}
		out = append(out, f)
	}
	// A backtick without its fellow quotes nothing.
	if n := len(out); n > 0 && strings.Count(out[n-1], "`")%2 == 1 {
		out = append(out[:n-1:n-1], strings.Fields(out[n-1])...)
	}
	return out
}

// Cut is the longest start of a clean text that fits into so many columns, and
// one character at least.
func Cut(s string, most int) string {
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > most && i > 0 {
			return s[:i]
		}
	}
	return s
}

// columns is how wide a terminal shows a clean text.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < utf8.RuneSelf:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case slices.Contains([]width.Kind{width.EastAsianWide, width.EastAsianFullwidth}, width.LookupRune(r).Kind()):
		return 2
	}
	return 1
}
