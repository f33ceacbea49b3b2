package render

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"fairway/internal/check"
)

func (m *markdown) raw(s string) { m.b.WriteString(s) }

func (m *markdown) head(title string) { m.raw("\n### " + title + "\n\n") }

// say writes a paragraph.
func (m *markdown) say(s string) {
	if s = prose(s); s != "" {
		m.raw(s + "\n\n")
	}
}

func (m *markdown) item(s string) { m.raw("- " + prose(s) + "\n") }

// listed is a section of listings that stand open.
func (m *markdown) listed(title, about string, list []check.Listing) {
	m.head(title)
	if len(list) == 0 {
		m.raw("Not seen.\n\n")
		return
	}
	m.raw(about + "\n\n")
	for i := range list {
		rows := list[i].Lines
		if list[i].Node != "" {
			rows = append([]string{"# " + list[i].Node}, rows...)
		}
		m.fence("", shortened(rows, max(m.rows, 20)))
	}
}

// folded are listings each below a line to click on.
func (m *markdown) folded(title string, list []check.Listing) {
	for i := range list {
		m.details(fmt.Sprintf(title, coded(list[i].Node), coded(list[i].Title)), list[i].Lines)
	}
}

// open is a folded list of our own title.
func (m *markdown) open(title string, rows []string) { m.details(title, rows) }

// details folds lines away. The title is HTML: coded, or our own words.
func (m *markdown) details(title string, rows []string) {
	if len(rows) == 0 {
		return
	}
	m.raw("<details><summary>" + title + "</summary>\n\n")
	m.fence("", shortened(rows, m.rows))
	m.raw("</details>\n\n")
}

// commands writes what is to be typed, a comment saying where, and sentences as
// comments.
func (m *markdown) commands(body string) {
	var rows []string
	for l := range strings.Lines(body) {
		l = strings.TrimSpace(l)
		list := steps(l)
		if list == nil && l != "" {
			rows = append(rows, "# "+l)
		}
		for _, st := range list {
			if where := "# " + st.on + ":"; st.on != "" && !slices.Contains(rows[max(0, len(rows)-2):], where) {
				rows = append(rows, where)
			}
			rows = append(rows, st.command)
		}
	}
	m.fence("sh", rows)
}

// shortened keeps the first so many lines, and says how many more there are.
func shortened(rows []string, most int) []string {
	if len(rows) <= most {
		return rows
	}
	return append(rows[:most:most], fmt.Sprintf("… and %d more; the case file has them all", len(rows)-most))
}

// longestLine bounds a line of a list: somebody else's log may have no end.
const longestLine = 400

// fence writes lines in a code block whose fence is longer than any run of
// backticks in it.
func (m *markdown) fence(language string, rows []string) {
	var body strings.Builder
	longest := 2
	for _, l := range rows {
		if head := Cut(l, longestLine); head != l {
			l = head + "…"
		}
		longest = max(longest, ticks(l))
		body.WriteString(l + "\n")
	}
	f := strings.Repeat("`", longest+1)
	m.raw(f + language + "\n" + body.String() + f + "\n\n")
}

// ticks is the longest run of backticks.
func ticks(s string) int {
	longest, n := 0, 0
	for _, r := range s {
		if n++; r != '`' {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}

// span is a word as code.
func span(s string) string {
	f := strings.Repeat("`", ticks(s)+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.TrimSpace(s) == "" {
		s = " " + s + " "
	}
	return f + s + f
}

// coded is a text as HTML code, for a place where Markdown is not read.
func coded(s string) string {
	return "<code>" + strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;").Replace(s) + "</code>"
}

// comment is a text inside an HTML comment: it can never end it.
func comment(s string) string {
	return strings.NewReplacer("-", "‐", "<", "‹", ">", "›").Replace(s)
}

// harmless are words of which neither Markdown nor GitHub makes anything.
var harmless = regexp.MustCompile(`^[("]*[\p{L}\p{N}→…’–—]([\p{L}\p{N}→…’–—.,:;/%'"()+=-]*[\p{L}\p{N}→…’–—.,:;%'")])?$|^[→–—=+/:]$`)

// linked are words that GitHub or GFM makes a link of: addresses of sites, issues,
// commits; and emoji, and what begins a list.
var linked = regexp.MustCompile(`(?i)www\.|://|\bgh-[0-9]|[0-9a-f]{7,}|:[a-z0-9_+-]*[a-z][a-z0-9_+-]*:|^[0-9]+[.)]$|^[-+=]+$`)

// prose writes a sentence; every word that could be more than a word stands as
// code, and so does what is between backticks.
func prose(s string) string {
	var out []string
	for _, w := range words(s) {
		if len(w) > 2 && w[0] == '`' && strings.Count(w, "`") >= 2 {
			end := strings.LastIndexByte(w, '`')
			if inner, after := w[1:end], w[end+1:]; strings.Trim(after, ".,:;)") == "" {
				out = append(out, span(inner)+after)
				continue
			}
		}
		if harmless.MatchString(w) && !linked.MatchString(w) {
			out = append(out, w)
			continue
		}
		// A full stop behind a name is ours, and a bracket around it.
		name := strings.TrimRight(w, ".,:;)")
		open := len(name) - len(strings.TrimLeft(name, "("))
		if name = name[open:]; name == "" || strings.Contains(name, "`") {
			name, open = w, 0
		}
		out = append(out, w[:open]+span(name)+w[open+len(name):])
	}
	return strings.Join(out, " ")
}
