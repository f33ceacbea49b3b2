package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// unmade are the connections that could not even be tried: no answer, and no
// silent pass. Each node's are one gap. From a task that is on its way out none
// can be made, either, and that says nothing.
func (j *judge) unmade() []Gap {
	type many struct {
		count int
		first string
	}
	from := map[string]*many{}
	note := func(src fact.Source, target netip.AddrPort, why string) {
		if !j.stays(src) {
			return
		}
		if from[src.Node] == nil {
			from[src.Node] = &many{first: fmt.Sprintf("connect to %s from %s: %s", target, j.sourceName(src), why)}
		}
		from[src.Node].count++
	}
	for i := range j.s.Seen.TCP {
		if p := &j.s.Seen.TCP[i]; p.Outcome == fact.ProbeError {
			note(p.From, p.Target, p.Err)
		}
	}
	for i := range j.s.Seen.Published {
		p := &j.s.Seen.Published[i]
		if k := slices.IndexFunc(p.Requests, func(r fact.Request) bool { return r.Outcome == fact.ProbeError }); k >= 0 {
			note(p.From, p.Target, p.Requests[k].Err)
		}
	}
	var out []Gap
	for node, m := range from {
		reason := m.first
		if m.count > 1 {
			reason = fmt.Sprintf("%s; and %d more", reason, m.count-1)
		}
		out = append(out, Gap{Node: node, What: string(fact.KindTCP), Reason: reason, Do: "ask again in a moment"})
	}
	return out
}

// stays reports whether a source is meant to be there: the host's own
// namespaces, and tasks that the managers want running.
func (j *judge) stays(src fact.Source) bool {
	if src.Task == "" {
		return src.Container == "" || slices.ContainsFunc(j.sc.From, func(e expect.End) bool { return e.Container == src.Container })
	}
	if j.s.Wanted == nil {
		return true
	}
	t := j.s.Wanted.Task(src.Task)
	return t != nil && t.Desired == "running" && t.State == "running"
}

func (j *judge) sourceName(src fact.Source) string {
	if j.s.Wanted != nil {
		if t := j.s.Wanted.Task(src.Task); t != nil {
			return expect.NameOf(t)
		}
	}
	if src.Task != "" {
		return string(src.Task)
	}
	return src.NetNS + " on " + src.Node
}
