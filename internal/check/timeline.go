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

// How much a timeline holds.
const (
	// mostEvents bounds it; the least telling and the oldest go first.
	mostEvents = 500
	// mostTelling is what a person is shown of it.
	mostTelling = 40
	// together is how far apart like events of several objects are one event.
	together = 10 * time.Second
	// repeats is how far apart two like events of one object are one event.
	repeats = 10 * time.Minute
	// beside is how near to trouble what is normal by itself is told, too.
	beside = time.Minute
)

// Event is one line of the timeline.
type Event struct {
	// At is by the clock of the host that asked.
	At time.Time `json:"at"`
	// Node is a host name; empty for what happened to the whole Swarm, or on several.
	Node string `json:"node,omitempty"`
	What string `json:"what"`
	// Picture is who tells it: "wanted", "believed", "held", "seen" or "said".
	Picture string `json:"picture"`
	// Times is how often it happened until Until; 0 for once.
	Times int        `json:"times,omitempty"`
	Until *time.Time `json:"until,omitempty"`
	// Telling marks the at most 40 events that tell most.
	Telling bool `json:"telling,omitempty"`
}

// Weights of moments: what is normal by itself, what changed, what went wrong.
const (
	ordinary = iota + 1
	change
	badly
)

// moment is an event that may become one with others like it.
type moment struct {
	at      time.Time
	node    string
	picture string
	weight  int
	// of are the objects it is about, in What's place of %s; empty: none.
	of   []string
	what string
	// key is what repetitions have in common; empty: all of the above.
	key string

	times int
	until time.Time
}

// timeline tells what happened in the windows of the question, oldest first,
// and how many events were left out because there were too many.
func (j *judge) timeline() ([]Event, int) {
	windows := expect.Windows(j.s, j.sc)
	inside := func(m moment) bool {
		return slices.ContainsFunc(windows, func(w fact.Window) bool { return !m.at.Before(w.From) && !m.at.After(w.To) })
	}
	var all []moment
	for _, m := range slices.Concat(j.decided(), j.started(), j.spoken()) {
		if inside(m) {
			all = append(all, m)
		}
	}
	all = nearTrouble(append(all, j.missed()...))
	sortMoments(all)
	once := folded(all)
	kept := mostOf(once, mostEvents)
	telling := mostOf(kept, mostTelling)
	var out []Event
	for i := range kept {
		e := kept[i].event()
		e.Telling = slices.ContainsFunc(telling, func(m *moment) bool { return m == kept[i] })
		out = append(out, e)
	}
	return out, len(once) - len(kept)
}

func sortMoments(list []moment) {
	slices.SortStableFunc(list, func(a, b moment) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.picture, b.picture), cmp.Compare(a.what, b.what), cmp.Compare(a.node, b.node), slices.Compare(a.of, b.of))
	})
}

// nearTrouble drops what is normal by itself and far from any trouble.
func nearTrouble(list []moment) []moment {
	var bad []time.Time
	for _, m := range list {
		if m.weight == badly {
			bad = append(bad, m.at)
		}
	}
	slices.SortFunc(bad, time.Time.Compare)
	return slices.DeleteFunc(list, func(m moment) bool {
		next, _ := slices.BinarySearchFunc(bad, m.at.Add(-beside), time.Time.Compare)
		return m.weight == ordinary && (next == len(bad) || bad[next].Sub(m.at) > beside)
	})
}

// folded makes one moment of repetitions, and of the same that happened to
// several objects at about the same time.
func folded(list []moment) []*moment {
	var out []*moment
	last := map[string]*moment{}
	for i := range list {
		m := &list[i]
		m.until, m.times = m.at, 1
		same := strings.Join([]string{m.picture, m.node, cmp.Or(m.key, m.what+"|"+strings.Join(m.of, " "))}, "|")
		alike := "several|" + m.picture + "|" + m.what
		if f := last[same]; f != nil && m.at.Sub(f.until) <= repeats {
			f.until, f.times = m.at, f.times+1
			continue
		}
		if f := last[alike]; f != nil && len(m.of) > 0 && m.at.Sub(f.at) <= together && f.until.Sub(f.at) <= together {
			f.join(m)
			last[same] = f
			continue
		}
		last[same] = m
		if len(m.of) > 0 {
			last[alike] = m
		}
		out = append(out, m)
	}
	return out
}

// join adds the objects of a moment like this one.
func (m *moment) join(o *moment) {
	for _, name := range o.of {
		if !slices.Contains(m.of, name) {
			m.of = append(m.of, name)
		}
	}
	if m.node != o.node {
		m.node = ""
	}
	m.until = o.at
}

// mostOf keeps the most telling, of these the newest, in their order.
func mostOf(list []*moment, most int) []*moment {
	if len(list) <= most {
		return list
	}
	order := slices.Clone(list)
	slices.SortStableFunc(order, func(a, b *moment) int { return cmp.Or(b.weight-a.weight, b.at.Compare(a.at)) })
	in := map[*moment]bool{}
	for _, m := range order[:most] {
		in[m] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(m *moment) bool { return !in[m] })
}

func (m *moment) event() Event {
	e := Event{At: m.at.UTC(), Node: m.node, What: m.what, Picture: m.picture}
	if len(m.of) == 1 && m.of[0] == m.node {
		e.What = strings.TrimPrefix(m.what, "%s: ")
	}
	if len(m.of) > 0 {
		slices.Sort(m.of)
		e.What = strings.Replace(e.What, "%s", listed(m.of), 1)
	}
	if m.until.After(m.at) {
		e.Until = when(m.until)
	}
	if m.times > 1 {
		e.Times = m.times
	}
	return e
}

// here is a moment by the clock of the host that asked, told by a node's.
func (j *judge) here(node string, at time.Time) time.Time {
	if n := j.s.NodeNamed(node); n != nil && !at.IsZero() {
		return at.Add(-n.ClockOffset)
	}
	return at
}

// led is a moment by the clock of the managers' leader, who dates what the
// managers decide.
func (j *judge) led(at time.Time) time.Time {
	for _, n := range j.s.Wanted.Nodes {
		if n.Leader {
			return j.here(n.Hostname, at)
		}
	}
	return at
}

// concerned: a task of the services in question, or of every one.
func (j *judge) concerned(t *fact.Task) bool {
	if j.s.Question.All && len(j.s.Question.Services) == 0 {
		return true
	}
	end := func(e expect.End) bool { return e.Task == t.ID }
	return j.asksAbout(t.ServiceID) || slices.ContainsFunc(j.sc.From, end) || slices.ContainsFunc(j.sc.To, end)
}

func (j *judge) asksAbout(id fact.ServiceID) bool {
	return j.s.Question.All && len(j.s.Question.Services) == 0 ||
		slices.Contains(j.sc.FromServices, id) || slices.Contains(j.sc.ToServices, id) ||
		slices.ContainsFunc(j.sc.Mesh, func(p expect.Published) bool { return p.Service == id })
}

// slotted are the tasks that the managers know of one slot, or of one node for a
// global service.
type slotted struct {
	service fact.ServiceID
	slot    int
	node    fact.NodeID
}

func slotOf(t *fact.Task) slotted {
	if t.Slot != 0 {
		return slotted{t.ServiceID, t.Slot, ""}
	}
	return slotted{t.ServiceID, 0, t.Node}
}

// perSlot counts them.
func (j *judge) perSlot() map[slotted]int {
	out := map[slotted]int{}
	for i := range j.s.Wanted.Tasks {
		out[slotOf(&j.s.Wanted.Tasks[i])]++
	}
	return out
}

// called is a task's short name, with the start of its ID where several had it.
func (j *judge) called(t *fact.Task, several bool) string {
	if several {
		return fmt.Sprintf("%s (%.8s)", j.shortly(t), t.ID)
	}
	return j.shortly(t)
}

// shortly is a task's name without its ID; that of a global service names its
// host instead of the node's ID.
func (j *judge) shortly(t *fact.Task) string {
	if t.Slot == 0 && t.Node != "" {
		return t.Service + "." + expect.NodeName(j.s, t.Node)
	}
	return expect.ShortName(t)
}
