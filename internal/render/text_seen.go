package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
)

// tasks is runbook U7. With many tasks only those in trouble are listed.
func (t *text) tasks() {
	list := t.r.Tasks
	if len(list) == 0 {
		return
	}
	t.section("Tasks (UTC; times without a date are of " + t.r.Taken.UTC().Format(time.DateOnly) + ")")
	if len(list) > most {
		list = slices.DeleteFunc(slices.Clone(list), func(x check.Task) bool { return !troubled(&x) })
	}
	var rows [][]string
	var notes []string
	for i := range list {
		x := &list[i]
		rows = append(rows, []string{short(x.Name), x.Node, x.HostIP, x.Address, x.State, t.at(x.Created), t.at(x.Updated), reached(x.Reachable)})
		notes = append(notes, note(x))
	}
	if len(rows) > 0 {
		t.table(2, []string{"TASK", "NODE", "HOST", "ADDRESS", "STATE", "CREATED", "UPDATED", "REACHED"}, rows, notes)
	}
	if n := len(t.r.Tasks) - len(list); n > 0 {
		t.line(2, dim, fmt.Sprintf("%s more, none in trouble", count(n, "task")))
	}
}

func troubled(x *check.Task) bool {
	return x.State != "running" || x.Error != "" || x.Reachable != nil && !*x.Reachable || x.Desired != "" && x.Desired != "running"
}

// note is what is said of a task in trouble only.
func note(x *check.Task) string {
	if !troubled(x) {
		return ""
	}
	s := "id " + string(x.ID)
	if x.Desired != "" && x.Desired != x.State {
		s += ", wanted " + x.Desired
	}
	if x.Error != "" {
		s += ", error: " + x.Error
	}
	return s
}

func reached(b *bool) string {
	switch {
	case b == nil:
		return "-"
	case *b:
		return "yes"
	}
	return "NO"
}

// at leaves the date of the report's own day out.
func (t *text) at(when *time.Time) string {
	switch {
	case when == nil:
		return ""
	case when.UTC().Format(time.DateOnly) == t.r.Taken.UTC().Format(time.DateOnly):
		return when.UTC().Format(time.TimeOnly)
	}
	return when.UTC().Format(time.DateTime)
}

// short leaves a task's ID out of its name: the last of three parts, 25
// characters long (Swarm).
func short(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 || len(name)-i-1 != 25 || strings.Count(name, ".") < 2 {
		return name
	}
	return name[:i]
}

// group is several lines that say the same of different ends.
type group struct {
	says  string
	about []string
	n, of int
}

// fold gathers what f returns, in the order in which it first came. Where of
// is set, every call counts towards it and the ok ones towards n.
func fold[T any](list []T, f func(*T) (key, about string, ok bool)) []group {
	var out []group
	for i := range list {
		key, about, ok := f(&list[i])
		k := slices.IndexFunc(out, func(g group) bool { return g.says == key })
		if k < 0 {
			k, out = len(out), append(out, group{says: key})
		}
		if g := &out[k]; true {
			g.of++
			if ok {
				g.n++
			}
			if about != "" && !slices.Contains(g.about, about) {
				g.about = append(g.about, about)
			}
		}
	}
	return out
}

// connections lists failures only, with k of n for each target.
func (t *text) connections() {
	if len(t.r.Probes) == 0 {
		return
	}
	isOpen := func(p *check.Probe) (string, string, bool) {
		s := short(p.To) + "  " + endpoint(p)
		if p.ToNode != "" {
			s += " on " + p.ToNode
		}
		return s, "", p.Outcome == fact.Open
	}
	total := fold(t.r.Probes, func(p *check.Probe) (string, string, bool) { return "", "", p.Outcome == fact.Open })[0]
	t.section(fmt.Sprintf("Connections: %d of %d open", total.n, total.of))
	if len(t.r.Untried) > 0 {
		t.text(2, plain, "tasks on "+some(t.r.Untried)+" could not try: nobody could enter them")
	}
	shown := 0
	for _, g := range fold(t.r.Probes, isOpen) {
		if g.n == g.of {
			continue
		}
		if shown++; shown > most {
			continue
		}
		t.text(2, plain, fmt.Sprintf("%s: %d of %d open", g.says, g.n, g.of))
		t.failures(slices.DeleteFunc(slices.Clone(t.r.Probes), func(p check.Probe) bool {
			says, _, ok := isOpen(&p)
			return says != g.says || ok
		}))
	}
	if shown > most {
		t.line(2, dim, fmt.Sprintf("… and %s more with failures; -o json has them all", count(shown-most, "target")))
	}
	t.fromHosts()
}

// fromHosts says how a place outside answers the hosts themselves, which tells a
// fault on the way out of a task from one of the place.
func (t *text) fromHosts() {
	list := slices.DeleteFunc(slices.Clone(t.r.Peers), func(p check.PeerConnect) bool { return !toOutside(&p) })
	if len(list) == 0 {
		return
	}
	var bad []string
	for _, p := range list {
		if p.Outcome != fact.Open {
			bad = append(bad, fmt.Sprintf("%s → %s: %s", p.FromNode, p.Address, p.Outcome))
		}
	}
	t.text(2, plain, fmt.Sprintf("the hosts themselves: %d of %d open", len(list)-len(bad), len(list)))
	t.list(4, bad, most)
}

// toOutside: a host's own connection to the place outside that is asked about.
func toOutside(p *check.PeerConnect) bool { return p.What == fact.WhatOutside }

func endpoint(p *check.Probe) string {
	host := p.Address
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(p.Port))
}

// failures says how the connections to one target failed, and from where.
func (t *text) failures(list []check.Probe) {
	for _, g := range fold(list, func(p *check.Probe) (string, string, bool) {
		says := string(p.Outcome)
		if p.Error != "" {
			says += " (" + p.Error + ")"
		}
		return says, short(p.From) + " on " + p.FromNode, false
	}) {
		t.text(4, plain, g.says+" from "+some(g.about))
	}
	for _, g := range fold(list, func(p *check.Probe) (string, string, bool) { return strings.Join(p.PTR, ", "), "", false }) {
		if g.says != "" {
			t.text(4, plain, "its address belongs to "+g.says)
		}
	}
}

// some lists a few and says how many more there are.
func some(list []string) string {
	if n := len(list) - most; n > 0 {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(list, ", ")
}

// names folds DNS questions that got the same answer in several containers.
func (t *text) names() {
	if len(t.r.DNS) == 0 {
		return
	}
	t.section("DNS, as the containers see it")
	asked := map[string]int{}
	for _, g := range fold(t.r.DNS, func(d *check.Lookup) (string, string, bool) { return d.Name + " " + d.Type, asker(d), false }) {
		asked[g.says] = len(g.about)
	}
	var items []string
	for _, g := range fold(t.r.DNS, func(d *check.Lookup) (string, string, bool) {
		answer := strings.Join(d.Answers, ", ")
		switch {
		case d.Outcome != fact.Open:
			answer = string(d.Outcome) + " from " + d.Server
		case answer == "":
			answer = cmp.Or(d.RCode, "an empty answer")
		}
		return d.Name + " " + d.Type + ": " + answer, asker(d), false
	}) {
		question, _, _ := strings.Cut(g.says, ": ")
		in := some(g.about)
		if n := asked[question]; n == len(g.about) && n > 1 {
			in = map[bool]string{true: "both containers", false: fmt.Sprintf("all %d containers", n)}[n == 2]
		}
		items = append(items, fmt.Sprintf("%s (asked in %s)", g.says, in))
	}
	t.list(2, items, most)
}

func asker(d *check.Lookup) string { return short(d.From) + " on " + d.FromNode }

// packets says which packets passed; paths that pass all are counted.
func (t *text) packets() {
	if len(t.r.Ladders) == 0 {
		return
	}
	t.section("Packet size")
	var items []string
	for _, g := range fold(t.r.Ladders, func(l *check.Ladder) (string, string, bool) {
		path := short(l.From) + " → " + short(l.To)
		switch {
		case l.Passed == 0:
			return "no echo was answered, so it says nothing", path, false
		case l.Failed == 0:
			return fmt.Sprintf("%d bytes pass, all that the MTU allows", l.Passed), "", true
		}
		return fmt.Sprintf("%d bytes pass, %d do not, the MTU is %d", l.Passed, l.Failed, l.MTU), path, false
	}) {
		if g.n == g.of {
			items = append(items, fmt.Sprintf("%s: on %s", g.says, count(g.of, "path")))
			continue
		}
		items = append(items, g.says+": "+some(g.about))
	}
	t.list(2, items, most)
}

// hosts says which hosts reach each other below the overlay.
func (t *text) hosts() {
	list := slices.DeleteFunc(slices.Clone(t.r.Peers), func(p check.PeerConnect) bool { return toOutside(&p) })
	if len(list) == 0 {
		return
	}
	groups := fold(list, func(p *check.PeerConnect) (string, string, bool) {
		about := ""
		if p.Outcome != fact.Open {
			about = fmt.Sprintf("%s → %s (%s): %s", p.FromNode, p.ToNode, p.Address, p.Outcome)
		}
		return p.What, about, about == ""
	})
	t.section("Between hosts")
	for _, g := range groups {
		t.text(2, plain, fmt.Sprintf("%s: %d of %d connections open", g.says, g.n, g.of))
		t.list(4, g.about, most)
	}
}

// gaps says what could not be seen and what to do about it; apart from it what no
// verdict waits for.
func (t *text) gaps() {
	t.unseen("Not seen", slices.DeleteFunc(slices.Clone(t.r.Gaps), func(g check.Gap) bool { return g.Aside }))
	t.unseen("Not seen either, and not needed for this answer", slices.DeleteFunc(slices.Clone(t.r.Gaps), func(g check.Gap) bool { return !g.Aside }))
}

func (t *text) unseen(title string, gaps []check.Gap) {
	if len(gaps) == 0 {
		return
	}
	t.section(title)
	var items []string
	for _, g := range fold(gaps, func(g *check.Gap) (string, string, bool) {
		says := g.Reason
		if g.Do != "" {
			says += " → " + g.Do
		}
		if g.What == string(fact.KindNode) {
			return says, g.Node, false
		}
		return says, strings.TrimPrefix(g.Node+": "+g.What, ": "), false
	}) {
		slices.Sort(g.about)
		label := some(g.about) + ": "
		if strings.HasPrefix(g.says, g.about[0]+" ") {
			label = ""
		}
		items = append(items, label+g.says)
	}
	t.list(2, items, most)
}

// checks says what could not be judged and, where no cause was found, what was
// ruled out.
func (t *text) checks() {
	of := func(a check.Answer) []group {
		list := slices.DeleteFunc(slices.Clone(t.r.Checks), func(c check.CheckAnswer) bool { return c.Answer != a || t.isSettling(c.ID) })
		return fold(list, func(c *check.CheckAnswer) (string, string, bool) { return c.Reason, c.ID, false })
	}
	if unknown := of(check.Unknown); len(unknown) > 0 {
		t.section("Not judged")
		t.list(2, t.unjudged(unknown), most)
	}
	if ok := of(check.OK); len(ok) > 0 && len(t.r.Causes) == 0 && t.r.Verdict != check.VerdictOK {
		t.section("Ruled out")
		t.text(2, plain, strings.Join(ok[0].about, ", "))
	}
}

// unjudged says why checks could not be judged. Those for which a node was not
// looked at, and nothing else is missing, are counted only: "Not seen" has said
// the rest.
func (t *text) unjudged(unknown []group) []string {
	var items []string
	n := 0
	for _, g := range unknown {
		if strings.HasPrefix(g.says, "not looked at: ") && !strings.Contains(g.says, "; ") {
			n += len(g.about)
			continue
		}
		items = append(items, some(g.about)+": "+clip(g.says))
	}
	if n > 0 {
		seen := "could not be judged, because nodes were not looked at"
		if len(t.r.Nodes) > 0 {
			seen = "could be judged for " + some(t.r.Nodes) + " only"
		}
		items = append([]string{count(n, "cause") + " " + seen + "; -o json names them"}, items...)
	}
	return items
}

// isSettling: that section has already said it.
func (t *text) isSettling(id string) bool {
	return slices.ContainsFunc(slices.Concat(t.r.Settling, t.r.Unconfirmed), func(c check.Cause) bool { return c.ID == id })
}

// clip keeps a reason that lists every node of a Swarm to three lines.
func clip(s string) string {
	const most = 220
	if head := Cut(s, most); head != s {
		return head + "…"
	}
	return s
}
