package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fairway/internal/check"
)

// timeline is what happened, where there is something to explain or the operator
// asked for a time.
func (t *text) timeline() {
	list := slices.DeleteFunc(slices.Clone(t.r.Timeline), func(e check.Event) bool { return !e.Telling })
	if len(list) == 0 || !t.troubled() && t.r.Question.Since == nil && t.r.Question.Until == nil {
		return
	}
	t.section("Timeline (UTC)")
	day, wide := "", 0
	for i := range list {
		wide = max(wide, columns(list[i].Node))
	}
	wide = min(wide, 16)
	for i := range list {
		e := &list[i]
		if d := e.At.UTC().Format(time.DateOnly); d != day {
			day = d
			t.line(2, dim, d)
		}
		node := Cut(e.Node, wide)
		label := fmt.Sprintf("%s  %s%s  ", e.At.UTC().Format("15:04:05.0"), node, strings.Repeat(" ", wide-columns(node)))
		t.item(2, plain, label, e.What+lasted(e))
	}
	if n := len(t.r.Timeline) - len(list) + t.r.LeftOut; n > 0 {
		t.line(2, dim, fmt.Sprintf("… and %s more, less telling; -o json has up to 500", count(n, "event")))
	}
}

// lasted says how often and how long an event went on.
func lasted(e *check.Event) string {
	if e.Until == nil {
		return ""
	}
	until := e.Until.UTC().Format("15:04:05")
	if e.Until.UTC().YearDay() != e.At.UTC().YearDay() {
		until = e.Until.UTC().Format("2006-01-02 15:04:05")
	}
	switch {
	case e.Times > 1:
		return fmt.Sprintf(" (×%d until %s)", e.Times, until)
	case e.Until.Sub(e.At) >= time.Second:
		return " (until " + until + ")"
	}
	return ""
}

// troubled: something is wrong, or not everything was seen.
func (t *text) troubled() bool { return t.r.Verdict != check.VerdictOK }

// gossip is what the engines' own figures say, where there is something to explain.
func (t *text) gossip() {
	notable := slices.ContainsFunc(t.r.Figures, func(f check.Figures) bool { return f.Notable })
	if !t.troubled() || !notable && len(t.r.Flapping) == 0 {
		return
	}
	t.section("Gossip, by the engines' own logs")
	var rows [][]string
	for i := range t.r.Flapping {
		f := &t.r.Flapping[i]
		rows = append(rows, []string{f.Node, f.Peer, strconv.Itoa(f.Suspected), strconv.Itoa(f.Lost), strconv.Itoa(f.Back),
			f.First.UTC().Format("15:04:05"), f.Last.UTC().Format("15:04:05")})
	}
	t.some(rows, []string{"NODE", "PEER", "SUSPECTED", "LOST", "BACK", "FIRST", "LAST"})
	if notable && len(rows) > 0 {
		t.blank()
	}
	rows = nil
	for i := range t.r.Figures {
		f := &t.r.Figures[i]
		if !f.Notable {
			continue
		}
		rows = append(rows, append([]string{cmp.Or(f.Network, "(health)"), f.Node, strconv.Itoa(f.Lines)}, series(f)...))
	}
	t.some(rows, []string{"NETWORK", "NODE", "LINES", "HEALTHSCORE", "PEERS", "ENTRIES", "QUEUE"})
}

// some is a table of at most so many rows as a person reads.
func (t *text) some(rows [][]string, head []string) {
	if len(rows) == 0 {
		return
	}
	t.table(2, head, rows[:min(most, len(rows))], nil)
	if n := len(rows) - most; n > 0 {
		t.line(2, dim, fmt.Sprintf("… and %d more; -o json has them all", n))
	}
}

// series are health score, peers, entries and queue over time; what a line does
// not tell is "-".
func series(f *check.Figures) []string {
	if f.Network == "" {
		return []string{over(f, func(p *check.Point) int { return p.HealthScore }), "-", "-", "-"}
	}
	return []string{"-", over(f, func(p *check.Point) int { return p.Peers }), over(f, func(p *check.Point) int { return p.Entries }),
		over(f, func(p *check.Point) int { return p.Queue })}
}

// over is a figure over time: each value it had in turn, or the lowest, the
// highest and the last of many.
func over(f *check.Figures, of func(*check.Point) int) string {
	var turns []string
	lowest, highest, last := 0, 0, 0
	for i := range f.Points {
		v := of(&f.Points[i])
		if i == 0 || v != last {
			turns = append(turns, strconv.Itoa(v))
		}
		if i == 0 {
			lowest, highest = v, v
		}
		lowest, highest, last = min(lowest, v), max(highest, v), v
	}
	if len(turns) > 4 {
		return fmt.Sprintf("%d–%d, now %d", lowest, highest, last)
	}
	return strings.Join(turns, "→")
}
