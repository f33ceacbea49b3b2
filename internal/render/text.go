package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"fairway/internal/check"
)

// most is how many like lines a person is shown; JSON has them all.
const most = 12

// Text writes the report for people: the verdict, then each cause with its
// relief first, then what was seen, what was not, and what was done.
func Text(w io.Writer, r *check.Report, o Options) error {
	t := &text{page: newPage(o), r: cleaned(r)}
	t.verdict()
	for i := range t.r.Causes {
		t.cause(i)
	}
	t.unconfirmed()
	t.notAgain()
	t.settling()
	t.elsewhere()
	alone := t.r.Question.To == "" && t.r.Question.Published != 0
	if alone {
		t.ports()
		t.paths()
	}
	t.tasks()
	t.connections()
	t.names()
	if !alone { // FROM → TO comes first
		t.ports()
		t.paths()
	}
	t.packets()
	t.hosts()
	t.timeline()
	t.gossip()
	t.gaps()
	t.checks()
	t.done()
	return t.writeTo(w)
}

type text struct {
	*page
	r *check.Report
}

func (t *text) verdict() {
	word, st := map[check.Verdict]string{check.VerdictOK: "OK", check.VerdictFailed: "FAILED", check.VerdictUnknown: "UNKNOWN"}[t.r.Verdict], unsure
	switch t.r.Verdict {
	case check.VerdictOK:
		st = good
	case check.VerdictFailed:
		st = bad
	}
	t.item(0, st, word+"  ", asked(&t.r.Question))
	t.text(0, plain, t.r.Summary)
}

// asked is the question in one line.
func asked(q *check.Question) string {
	switch {
	case q.To == "" && q.Published != 0:
		return publishedAs(q)
	case q.To == "" && len(q.Services) > 0:
		return strings.Join(q.Services, ", ") + " and all that share a network with " + map[bool]string{true: "it", false: "them"}[len(q.Services) == 1]
	case q.To == "":
		return "the whole Swarm"
	}
	s := cmp.Or(q.From, "everyone") + " → " + q.To
	var ports []string
	for _, p := range q.Ports {
		ports = append(ports, fmt.Sprint(p))
	}
	switch {
	case q.Port != 0:
		s += fmt.Sprintf(":%d/%s", q.Port, q.Proto)
	case len(ports) > 0:
		s += fmt.Sprintf(", %s %s", q.Proto, strings.Join(ports, " "))
	}
	if q.Node != "" {
		s += ", from " + q.Node + " only"
	}
	if len(q.Networks) > 0 {
		s += ", on " + strings.Join(q.Networks, ", ")
	}
	if q.Published != 0 {
		s += "; " + publishedAs(q)
	}
	return s
}

// publishedAs is the question about a published port.
func publishedAs(q *check.Question) string {
	s := fmt.Sprintf("published port %d", q.Published)
	if q.PublishedProto != "" {
		s += "/" + q.PublishedProto
	}
	if q.Hostname != "" || q.Path != "" {
		s += ", asked for " + q.Hostname + cmp.Or(q.Path, "/")
	}
	if q.Status != 0 {
		s += fmt.Sprintf(", status %d expected", q.Status)
	}
	if q.Node != "" && q.To == "" {
		s += ", from " + q.Node + " only"
	}
	return s
}

func (t *text) cause(i int) {
	c := &t.r.Causes[i]
	label := "Cause"
	if c.Certainty == check.Hint {
		label = "Possible cause"
	}
	if n := len(t.r.Causes); n > 1 {
		label = fmt.Sprintf("%s %d of %d", label, i+1, n)
	}
	t.section(label + ": " + c.Title)
	t.text(2, dim, marks(c))
	if !strings.HasPrefix(t.r.Summary, c.Message) {
		t.text(2, plain, c.Message)
	}
	t.part("Relief (impact: "+c.Impact+")", c.Relief)
	if !t.kept && costs(c) {
		t.text(4, plain, "Before that, keep the evidence: `"+again(&t.r.Question)+"`")
	}
	t.part("Fix", c.Fix)
	t.evidence(c.Evidence)
	t.part("Confirm", c.Confirm)
	if len(c.Explains) > 0 {
		t.line(2, bold, "What follows from it")
		t.list(4, repeated(c.Explains), most)
	}
}

// repeated folds lines that say the same of different ends into the first, with
// how many more there are: findings of one check, connections that failed alike.
func repeated(lines []string) []string {
	var out []string
	for _, g := range fold(lines, func(l *string) (string, string, bool) { return alike(*l), *l, false }) {
		line := g.about[0]
		if n := len(g.about) - 1; n > 0 {
			line += fmt.Sprintf(" (%d more like it)", n)
		}
		out = append(out, line)
	}
	return out
}

// alike is what two lines below "What follows from it" have in common: the check
// that found it, or a connection's target and outcome.
func alike(line string) string {
	if id, _, ok := strings.Cut(line, ": "); ok && !strings.Contains(id, " ") {
		return id
	}
	if _, target, ok := strings.Cut(line, " → "); ok {
		return target
	}
	return line
}

// marks says in one line which cause it is, how certain, and where.
func marks(c *check.Cause) string {
	out := []string{c.ID}
	if c.Certainty != "" {
		out = append(out, string(c.Certainty))
	}
	for _, m := range []struct{ word, value string }{{"node", c.Node}, {"peer", c.Peer}, {"network", c.Network}} {
		if m.value != "" {
			out = append(out, m.word+" "+m.value)
		}
	}
	return strings.Join(out, " · ")
}

// part writes commands, each on a line of its own and whole so that it can be
// copied, and sentences, wrapped.
func (t *text) part(title, body string) {
	if body == "" {
		return
	}
	t.text(2, bold, title)
	where := ""
	for l := range strings.Lines(body) {
		l = strings.TrimSpace(l)
		list := steps(l)
		if list == nil {
			t.text(4, plain, l)
			where = ""
		}
		for _, st := range list {
			if st.on != where && st.on != "" {
				t.text(4, plain, st.on+":")
			}
			where = st.on
			t.line(6, code, st.command)
		}
	}
}

// step is a command and where or when it is typed, "on n1" or "when its tasks
// are gone"; empty: anywhere.
type step struct{ on, command string }

// steps takes a line like "on NODE: COMMAND; when WHAT: COMMAND" apart. It
// returns nil for a sentence: a line whose first word is no program that
// operators type.
func steps(l string) []step {
	var out []step
	for seg := range strings.SplitSeq(l, "; ") {
		on, cmd, found := strings.Cut(seg, ": ")
		if first, _, _ := strings.Cut(on, " "); !found || !slices.Contains([]string{"on", "when", "then", "after"}, first) {
			on, cmd = "", seg
		}
		if n := len(out); n > 0 && on == "" {
			out[n-1].command += "; " + seg
			continue
		}
		program, _, _ := strings.Cut(cmd, " ")
		if !slices.Contains(programs, program) || strings.HasSuffix(cmd, ".") {
			return nil
		}
		out = append(out, step{on, cmd})
	}
	return out
}

// programs are those that relief, fix and confirm lines start with.
var programs = []string{"bridge", "cat", "conntrack", "curl", "dig", "docker", "dockerd", "echo", "ethtool", "fairway", "firewall-cmd",
	"getent", "grep", "ip", "iptables", "ip6tables", "ipvsadm", "journalctl", "kill", "ls", "modprobe", "nc", "nft", "nslookup", "nsenter",
	"nstat", "ping", "sed", "sh", "ss", "sudo", "sysctl", "systemctl", "tc", "tcpdump", "tracepath", "ufw"}

func (t *text) evidence(list []check.Evidence) {
	if len(list) == 0 {
		return
	}
	t.line(2, bold, "Evidence")
	var rows [][]string
	for _, e := range list[:min(most, len(list))] {
		rows = append(rows, []string{e.Where, e.Want, e.Got})
	}
	t.table(4, []string{"WHERE", "WANT", "GOT"}, rows, nil)
	if n := len(list) - most; n > 0 {
		t.line(4, dim, fmt.Sprintf("… and %d more; -o json has them all", n))
	}
}

func (t *text) settling() {
	if len(t.r.Settling) == 0 {
		return
	}
	t.section("Still settling: these were changing while fairway looked and are no causes; ask again in a moment")
	t.told(t.r.Settling)
}

func (t *text) unconfirmed() {
	if len(t.r.Unconfirmed) == 0 {
		return
	}
	t.section("Seen once, not confirmed: the run was stopped before the second look that tells whether it lasts")
	t.told(t.r.Unconfirmed)
}

func (t *text) notAgain() {
	if len(t.r.NotAgain) == 0 {
		return
	}
	t.section("Failed in the first look, and not two seconds later; ask again to see how often")
	for _, line := range t.r.NotAgain[:min(most, len(t.r.NotAgain))] {
		t.item(2, unsure, "- ", line)
	}
	if n := len(t.r.NotAgain) - most; n > 0 {
		t.line(4, dim, fmt.Sprintf("… and %d more; -o json has them all", n))
	}
}

// told names contradictions that are no causes.
func (t *text) told(list []check.Cause) {
	for i := range list {
		c := list[i]
		c.Certainty = ""
		t.text(2, dim, marks(&c))
		t.text(2, plain, c.Message)
	}
}

func (t *text) elsewhere() {
	if len(t.r.Elsewhere) == 0 {
		return
	}
	t.section("Elsewhere: wrong, but not on the path of this question")
	for i := range t.r.Elsewhere {
		c := &t.r.Elsewhere[i]
		t.text(2, dim, marks(c))
		t.text(2, plain, c.Message)
		t.part("Relief (impact: "+c.Impact+")", c.Relief)
	}
}

func (t *text) done() {
	w := t.r.Work
	t.blank()
	if t.r.Question.To != "" && len(t.r.Causes) == 0 && t.r.Verdict != check.VerdictFailed {
		next := "Next: "
		if t.r.Verdict == check.VerdictUnknown && slices.ContainsFunc(t.r.Gaps, func(g check.Gap) bool { return !g.Aside }) {
			next += "see to what stands below \"Not seen\", and ask again; "
		}
		t.text(0, plain, next+"`fairway check` looks at the whole Swarm, not at this question only.")
	}
	var explain string
	if len(t.r.Causes) > 0 {
		explain = fmt.Sprintf(" `fairway explain %s` has the whole story.", t.r.Causes[0].ID)
	}
	changed := "Nothing was changed."
	if len(t.r.Changed) > 0 {
		changed = strings.Join(t.r.Changed, " ")
	}
	made := []string{count(w.Connections, "connection"), count(w.Lookups, "DNS look-up")}
	if w.Datagrams > 0 {
		made = append(made, count(w.Datagrams, "datagram"))
	}
	t.text(0, dim, fmt.Sprintf("%s Made %s and %s in %s; took %s. fairway %s, %s.%s",
		changed, strings.Join(made, ", "), count(w.Echoes, "packet-size search"), count(w.Looks, "look"),
		time.Duration(t.r.TookMS)*time.Millisecond, t.r.Tool.Version, t.r.Taken.UTC().Format("2006-01-02 15:04:05 MST"), explain))
}

// count says how many of a thing there are.
func count(n int, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "ch"):
		return fmt.Sprintf("%d %ses", n, one)
	}
	return fmt.Sprintf("%d %ss", n, one)
}
