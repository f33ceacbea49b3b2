package check

import (
	"cmp"
	"fmt"
	"slices"

	"fairway/internal/fact"
)

// notAgain is what failed in the first of two looks and was tried again in the
// second without failing, one line each. sure counts those where nothing had
// changed for a minute: nothing that changes explains them.
func (j *judge) notAgain() (lines []string, sure int) {
	first := j.s.Earlier
	if first == nil || first.Wanted == nil {
		return nil, 0
	}
	for i := range first.Seen.TCP {
		p := &first.Seen.TCP[i]
		if !failed(p.Outcome) || !slices.ContainsFunc(j.s.Seen.TCP, func(q fact.TCPProbe) bool { return sameConnection(p, &q) && q.Outcome == fact.Open }) {
			continue
		}
		if confirmed(first, p) {
			sure++
		}
		lines = append(lines, fmt.Sprintf("%s → %s %s: %s", j.name(p.From.Task, p.From.Container), j.name(p.To, ""), p.Target, p.Outcome))
	}
	for i := range first.Seen.Published {
		q := &first.Seen.Published[i]
		same := func(l fact.PublishedProbe) bool { return sameRequests(&l, q) }
		if !ailing(q) || !slices.ContainsFunc(j.s.Seen.Published, same) ||
			slices.ContainsFunc(j.s.Seen.Published, func(l fact.PublishedProbe) bool { return same(l) && ailing(&l) }) {
			continue
		}
		if meshConfirmed(first, q) {
			sure++
		}
		h := HostRow{Outcome: fact.Open}
		h.add(q)
		lines = append(lines, fmt.Sprintf("%s → %s: %d of %d answered (%s)", q.From.Node, j.stageOf(q), h.Good, h.Of, cmp.Or(h.Error, string(h.Outcome))))
	}
	return lines, sure
}

// stageOf is what requests asked, in a few words.
func (j *judge) stageOf(q *fact.PublishedProbe) string {
	switch q.Stage {
	case fact.StageNode, fact.StageSelf:
		return fmt.Sprintf("port %d of %s", q.Published, j.nodeOrNone(q.Node))
	case fact.StageSandbox:
		return fmt.Sprintf("ingress sandbox of %s, %s", j.nodeOrNone(q.Node), q.Target)
	case fact.StageVIP:
		return fmt.Sprintf("virtual IP of %s, %s", j.serviceName(q.Service), q.Target)
	}
	return fmt.Sprintf("%s, %s", j.name(q.To, ""), q.Target)
}

func sameConnection(a, b *fact.TCPProbe) bool {
	return a.Target == b.Target && a.From.Container == b.From.Container && a.From.Node == b.From.Node
}

// sameRequests: requests of a port's second look go to the same place.
func sameRequests(a, b *fact.PublishedProbe) bool {
	return a.Stage == b.Stage && a.Target == b.Target && a.Service == b.Service && (a.From.Node == b.From.Node || b.Stage == fact.StageNode)
}
