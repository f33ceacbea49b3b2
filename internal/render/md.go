package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
)

// mostIssue is how many characters GitHub takes as the body of an issue; some are
// left for what its author adds.
const mostIssue = 65536 - 2048

// Markdown writes a bug report for the engine's maintainers, in the order of
// moby's form (moby/moby, .github/ISSUE_TEMPLATE/bug_report.yml, 2026), ready to
// be pasted. r.Bug must be there (check.BugReport), or its parts are left out.
// Names and words from outside stand in code only, where GitHub makes nothing of
// them: no link, no mention, no HTML.
func Markdown(w io.Writer, r *check.Report, o Options) error {
	r = cleaned(r)
	var body string
	for _, rows := range []int{200, 80, 40, 20, 8, 3} {
		m := &markdown{r: r, o: o, rows: rows}
		m.all()
		if body = m.b.String(); len(body) <= mostIssue {
			break
		}
	}
	_, err := io.WriteString(w, body)
	return err
}

// markdown is one document; rows is how many lines of a list it holds.
type markdown struct {
	b    strings.Builder
	r    *check.Report
	o    Options
	rows int
}

func (m *markdown) all() {
	m.raw("<!-- Written by fairway. Names and addresses of your network stand in it: read it before you post it. -->\n")
	if m.r.Bug != nil {
		m.raw("<!-- title: " + comment(m.r.Bug.Title) + " -->\n")
	}
	m.description()
	m.reproduce()
	m.expected()
	m.listed("docker version", "Of all nodes:", m.bug().Versions)
	m.head("docker info")
	m.folded("%s: %s", m.bug().Info)
	m.head("Additional Info")
	m.evidence()
	m.cures()
	m.elsewhere()
	m.timeline()
	m.folded("Gossip's tables on %s: %s", m.bug().Tables)
	m.folded("Kernel of %s: %s", m.bug().Kernel)
	m.folded("Logs of %s: %s", m.bug().Logs)
	m.tasks()
	m.connections()
	m.unseen()
	m.made()
}

// bug is never nil.
func (m *markdown) bug() *check.Bug {
	if m.r.Bug == nil {
		return &check.Bug{}
	}
	return m.r.Bug
}

func (m *markdown) description() {
	m.head("Description")
	m.say(m.r.Summary)
	for i := range m.r.Causes {
		c := &m.r.Causes[i]
		if !strings.HasPrefix(m.r.Summary, c.Message) {
			m.say(c.Message)
		}
		m.say("fairway calls it `" + c.ID + "` (" + string(c.Certainty) + "): " + c.Title + ".")
		for _, l := range shortened(c.Explains, min(m.rows, most)) {
			m.item(l)
		}
		m.raw("\n")
	}
}

func (m *markdown) reproduce() {
	m.head("Reproduce")
	m.raw("<!-- fairway sees the fault, not what provoked it: say here what you did before, and how often it happens. -->\n\n")
	if setup := m.bug().Setup; len(setup) > 0 {
		m.raw("1. Networks and services like these:\n\n")
		m.fence("sh", setup)
		m.raw("2. What happened before is in the timeline below.\n3. ")
	}
	failed := m.failed()
	m.raw("This is asked" + map[bool]string{true: ", and fails", false: ""}[len(failed) > 0] + ":\n\n")
	m.fence("sh", []string{strings.TrimSuffix(strings.TrimSuffix(again(&m.r.Question), " --save case.fairway"), " -o case.fairway")})
	if len(failed) > 0 {
		m.fence("", shortened(failed, m.rows))
	}
}

// failed are the connections and requests that were not answered as asked.
func (m *markdown) failed() []string {
	var out []string
	for i := range m.r.Probes {
		if p := &m.r.Probes[i]; p.Outcome != fact.Open && p.Outcome != fact.ProbeError {
			out = append(out, fmt.Sprintf("%s on %s → %s %s:%d/%s: %s", p.From, p.FromNode, p.To, p.Address, p.Port, p.Proto, p.Outcome))
		}
	}
	for i := range m.r.Hosts {
		if h := &m.r.Hosts[i]; h.Good < h.Of {
			out = append(out, fmt.Sprintf("%s port %d at %s (%s), asked by %s: %d of %d answered well", h.Service, h.Published, h.Address, h.Stage, strings.Join(h.From, " "), h.Good, h.Of))
		}
	}
	return out
}

func (m *markdown) expected() {
	m.head("Expected behavior") //nolint:misspell // as the form spells it
	var rows []string
	for i := range m.r.Causes {
		for _, e := range m.r.Causes[i].Evidence {
			if e.Want != "" {
				rows = append(rows, e.Where+": "+e.Want)
			}
		}
	}
	if len(rows) == 0 {
		m.raw("The connections below \"Reproduce\" open.\n\n")
		return
	}
	m.fence("", shortened(rows, m.rows))
}

func (m *markdown) evidence() {
	var rows []string
	for i := range m.r.Causes {
		for _, e := range m.r.Causes[i].Evidence {
			rows = append(rows, e.Where, "  want "+e.Want, "  got  "+e.Got)
		}
	}
	m.open("Evidence: what should be there, and what is", rows)
}

// cures says what makes it work again, which is half of the diagnosis.
func (m *markdown) cures() {
	if len(m.r.Causes) == 0 {
		return
	}
	m.raw("**What cures it**\n\n")
	for i := range m.r.Causes {
		c := &m.r.Causes[i]
		m.say("`" + c.ID + "`, until it happens again (impact: " + c.Impact + "):")
		m.commands(c.Relief)
		if !m.o.Kept && costs(c) {
			m.say("Before that, keep the evidence: `" + again(&m.r.Question) + "`")
		}
		if c.Fix != "" {
			m.say("For good: " + c.Fix)
		}
		if c.Confirm != "" {
			m.raw("To see it by hand:\n\n")
			m.commands(c.Confirm)
		}
	}
}

// elsewhere is what else is wrong: maintainers ask whether it is all.
func (m *markdown) elsewhere() {
	var rows []string
	for _, list := range [][]check.Cause{m.r.Elsewhere, m.r.Settling, m.r.Unconfirmed} {
		for i := range list {
			rows = append(rows, marks(&list[i]), "  "+list[i].Message)
		}
	}
	for _, line := range m.r.NotAgain {
		rows = append(rows, "failed in the first look and not two seconds later: "+line)
	}
	m.open("Wrong elsewhere, or not certain", rows)
}

func (m *markdown) timeline() {
	var rows []string
	for i := range m.r.Timeline {
		if e := &m.r.Timeline[i]; e.Telling {
			rows = append(rows, fmt.Sprintf("%s  %-8s  %s%s", e.At.UTC().Format("2006-01-02 15:04:05.000"), e.Node, e.What, lasted(e)))
		}
	}
	m.open("Timeline (UTC)", rows)
	rows = nil
	for i := range m.r.Flapping {
		f := &m.r.Flapping[i]
		rows = append(rows, fmt.Sprintf("%s of %s: suspected %d times, lost %d, back %d, from %s to %s", f.Node, f.Peer, f.Suspected, f.Lost, f.Back,
			f.First.UTC().Format(time.RFC3339), f.Last.UTC().Format(time.RFC3339)))
	}
	for i := range m.r.Figures {
		f := &m.r.Figures[i]
		v := series(f)
		if f.Network == "" {
			rows = append(rows, fmt.Sprintf("%s: %d lines of NetworkDB stats, healthscore %s", f.Node, f.Lines, v[0]))
			continue
		}
		rows = append(rows, fmt.Sprintf("%s on %s: %d lines of NetworkDB stats, peers %s, entries %s, queue %s", f.Node, f.Network, f.Lines, v[1], v[2], v[3]))
	}
	m.open("Gossip over time", rows)
}

func (m *markdown) tasks() {
	var rows []string
	for i := range m.r.Tasks {
		x := &m.r.Tasks[i]
		row := fmt.Sprintf("%s on %s (%s) %s: %s, wanted %s", x.Name, x.Node, x.HostIP, x.Address, x.State, x.Desired)
		for _, at := range []struct {
			word string
			t    *time.Time
		}{{"created", x.Created}, {"updated", x.Updated}} {
			if at.t != nil {
				row += ", " + at.word + " " + at.t.UTC().Format(time.RFC3339)
			}
		}
		if x.Error != "" {
			row += ", error: " + x.Error
		}
		rows = append(rows, row)
	}
	m.open("Tasks", rows)
}

func (m *markdown) connections() {
	var rows []string
	for i := range m.r.Probes {
		p := &m.r.Probes[i]
		rows = append(rows, fmt.Sprintf("%-11s %s on %s → %s %s:%d/%s", p.Outcome, p.From, p.FromNode, p.To, p.Address, p.Port, p.Proto))
	}
	slices.SortStableFunc(rows, func(a, b string) int {
		return map[bool]int{true: 1}[strings.HasPrefix(a, "open")] - map[bool]int{true: 1}[strings.HasPrefix(b, "open")]
	})
	m.open("Connections tried", rows)
}

// unseen says what is missing, so that nobody takes silence for health.
func (m *markdown) unseen() {
	var rows []string
	for i := range m.r.Gaps {
		g := &m.r.Gaps[i]
		rows = append(rows, strings.TrimPrefix(g.Node+": ", ": ")+g.What+": "+g.Reason)
	}
	m.open("Not seen", rows)
}

func (m *markdown) made() {
	m.say(fmt.Sprintf("Written by fairway %s from what it saw on %s UTC.", m.r.Tool.Version, m.r.Taken.UTC().Format("2006-01-02 15:04:05")))
}
