package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// DiffFormat is the version of a diff's JSON form.
const DiffFormat = 1

// Diff is what changed from one snapshot to another. Counters, ages and times are
// no change.
type Diff struct {
	Format int `json:"format"`
	// From and To are the two snapshots.
	From DiffSide `json:"from"`
	To   DiffSide `json:"to"`
	// Causes that appeared, went or stayed; those that went first.
	Causes []CauseChange `json:"causes"`
	// Changes are in the order of the pictures: wanted, believed, held, seen, said.
	Changes []Change `json:"changes"`
	// NotCompared says what only one of them saw, so that nobody takes it for a change.
	NotCompared []string `json:"not_compared"`
}

// DiffSide is one of two snapshots.
type DiffSide struct {
	Taken    time.Time `json:"taken"`
	Tool     string    `json:"tool"`
	Question Question  `json:"question"`
	Verdict  Verdict   `json:"verdict"`
	Summary  string    `json:"summary"`
}

// How says what became of something.
type How string

// The ways.
const (
	Appeared How = "appeared"
	Went     How = "went"
	Changed  How = "changed"
	Stayed   How = "stayed"
)

// CauseChange is what became of a cause.
type CauseChange struct {
	How How `json:"how"`
	Cause
	// Unsure says why it may not have gone or appeared: the other snapshot could not
	// tell. Empty: it did.
	Unsure string `json:"unsure,omitempty"`
}

// Change is one thing that is not as it was.
type Change struct {
	// Picture is "wanted", "believed", "held", "seen" or "said".
	Picture string `json:"picture"`
	// Node is a host name; empty for what is of the whole Swarm.
	Node string `json:"node,omitempty"`
	What string `json:"what"`
	How  How    `json:"how"`
	// From and To are absent where there was nothing, or nothing to say of it.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// pictures are in the order in which a fault is looked for.
var pictures = []string{"wanted", "believed", "held", "seen", "said"}

// Compare says what changed from a to b, and which causes appeared or went. Its
// only error is an expect.NameError of one of the two questions.
func Compare(a, b *fact.Snapshot, checks []*Check) (*Diff, error) {
	ra, err := Run(a, checks, 0)
	if err != nil {
		return nil, err
	}
	rb, err := Run(b, checks, 0)
	if err != nil {
		return nil, err
	}
	d := &Diff{Format: DiffFormat, From: sideOf(a, ra), To: sideOf(b, rb), Causes: causeChanges(a, b, ra, rb), Changes: []Change{}, NotCompared: []string{}}
	c := &comparison{a: inventory(a), b: inventory(b)}
	c.compare()
	if c.changes != nil {
		d.Changes = c.changes
	}
	if asked, then := ra.Question, rb.Question; asked.From != then.From || asked.To != then.To || asked.Published != then.Published {
		c.notes = append(c.notes, "the questions differ: probes that only one of them made")
	}
	if b.Taken.Before(a.Taken) {
		c.notes = append(c.notes, "the first case is the later one: what is called appeared was there before, and what went came later")
	}
	if a.Wanted != nil && b.Wanted != nil && a.Wanted.ClusterID != b.Wanted.ClusterID {
		c.notes = append(c.notes, "they are of two Swarms, or one is redacted: names and addresses of one mean nothing in the other")
	}
	slices.Sort(c.notes)
	d.NotCompared = append(d.NotCompared, slices.Compact(c.notes)...)
	return d, nil
}

func sideOf(s *fact.Snapshot, r *Report) DiffSide {
	return DiffSide{Taken: s.Taken.UTC(), Tool: s.Tool, Question: r.Question, Verdict: r.Verdict, Summary: r.Summary}
}

// Same says that nothing changed that could be compared.
func (d *Diff) Same() bool {
	return len(d.Changes) == 0 && !slices.ContainsFunc(d.Causes, func(c CauseChange) bool { return c.How != Stayed })
}

// causeChanges pairs the causes of two reports.
func causeChanges(a, b *fact.Snapshot, ra, rb *Report) []CauseChange {
	out := []CauseChange{}
	before, after := causesOf(ra), causesOf(rb)
	in := func(list []Cause, s *fact.Snapshot, c *Cause, of *fact.Snapshot) bool {
		return slices.ContainsFunc(list, func(o Cause) bool { return causeKey(s, &o) == causeKey(of, c) })
	}
	for i := range before {
		if !in(after, b, &before[i], a) {
			out = append(out, CauseChange{How: Went, Cause: before[i], Unsure: unjudgedIn(rb, &before[i])})
		}
	}
	for i := range after {
		if in(before, a, &after[i], b) {
			out = append(out, CauseChange{How: Stayed, Cause: after[i]})
			continue
		}
		out = append(out, CauseChange{How: Appeared, Cause: after[i], Unsure: unjudgedIn(ra, &after[i])})
	}
	order := []How{Went, Appeared, Stayed}
	slices.SortStableFunc(out, func(x, y CauseChange) int { return slices.Index(order, x.How) - slices.Index(order, y.How) })
	return out
}

func causesOf(r *Report) []Cause { return slices.Concat(r.Causes, r.Elsewhere) }

// causeKey tells causes apart; a task that was replaced is the same one.
func causeKey(s *fact.Snapshot, c *Cause) string {
	who := cmp.Or(c.Subject.Name, c.Subject.ID)
	if t := s.Wanted.Task(fact.TaskID(c.Subject.ID)); t != nil {
		who = expect.ShortName(t)
	} else if n, ok := expect.ParseTaskName(who); ok {
		who = n.Service + "." + n.Slot
	}
	return strings.Join([]string{c.ID, c.Node, c.Network, c.Peer, c.Subject.Kind, who}, "|")
}

// unjudgedIn says why a report cannot tell whether a cause is there.
func unjudgedIn(r *Report, c *Cause) string {
	for _, list := range [][]Cause{r.Settling, r.Unconfirmed} {
		if slices.ContainsFunc(list, func(o Cause) bool { return o.ID == c.ID && o.Node == c.Node }) {
			return "seen there too, and not certain"
		}
	}
	i := slices.IndexFunc(r.Checks, func(a CheckAnswer) bool { return a.ID == c.ID })
	switch {
	case i < 0:
		return "not asked there"
	case r.Checks[i].Answer == Unknown:
		return r.Checks[i].Reason
	}
	return ""
}

// comparison is two inventories and what came of them.
type comparison struct {
	a, b    *things
	changes []Change
	notes   []string
}

func (c *comparison) compare() {
	c.blindSpots()
	for _, key := range allKeys(c.a, c.b) {
		x, y := c.a.of[key], c.b.of[key]
		switch {
		case x != nil && y != nil:
			if x.owner == y.owner && (x.value() != y.value() || reordered(x.order, y.order)) {
				c.changes = append(c.changes, Change{x.picture, x.node, x.label, Changed, x.value(), y.value()})
			}
		case y == nil && !x.fleeting && x.order == nil && c.canTell(x, c.b):
			c.changes = append(c.changes, Change{x.picture, x.node, x.label, Went, x.value(), ""})
		case x == nil && !y.fleeting && y.order == nil && c.canTell(y, c.a):
			c.changes = append(c.changes, Change{y.picture, y.node, y.label, Appeared, "", y.value()})
		}
	}
	slices.SortStableFunc(c.changes, func(x, y Change) int {
		return cmp.Or(slices.Index(pictures, x.Picture)-slices.Index(pictures, y.Picture), strings.Compare(x.What, y.What), strings.Compare(x.Node, y.Node))
	})
}

func allKeys(a, b *things) []string {
	keys := slices.Clone(a.order)
	for _, k := range b.order {
		if a.of[k] == nil {
			keys = append(keys, k)
		}
	}
	return keys
}

// reordered: the same rows stand in another order.
func reordered(a, b []string) bool {
	return !slices.Equal(a, b) && slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// canTell: the other snapshot looked where this thing is not any more, or was not
// yet, and what it belongs to is there.
func (c *comparison) canTell(t *thing, other *things) bool {
	if t.parent != "" {
		p := other.of[t.parent]
		if p == nil || t.owner != "" && p.owner != t.owner {
			return false
		}
	}
	return other.saw(t)
}

// blindSpots notes what only one of the two looked at.
func (c *comparison) blindSpots() {
	for _, pair := range [][2]*things{{c.a, c.b}, {c.b, c.a}} {
		one, other := pair[0], pair[1]
		which := map[bool]string{true: "the first", false: "the second"}[one == c.a]
		if one.s.Wanted != nil && other.s.Wanted == nil {
			c.notes = append(c.notes, "what the managers want: only "+which+" heard a manager")
		}
		for _, n := range one.s.Nodes {
			if other.s.NodeNamed(n.Name) == nil {
				c.notes = append(c.notes, fmt.Sprintf("%s: only %s looked there", n.Name, which))
			}
		}
		for _, k := range other.hidden {
			if one.s.Missing(k.node, k.ns, k.kind) == nil && one.s.NodeNamed(k.node) != nil {
				c.notes = append(c.notes, fmt.Sprintf("%s: %s, only %s could see it", k.node, k.kind, which))
			}
		}
	}
}
