package check

import (
	"slices"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// SteadyFor is how long an object must not have changed for one look to be
// enough.
const SteadyFor = 60 * time.Second

// objects are what a finding or a failed probe rests on.
type objects struct {
	tasks    []fact.TaskID
	services []fact.ServiceID
	nodes    []fact.NodeID
}

func (f *Finding) objects(s *fact.Snapshot) objects {
	o := objects{slices.Clone(f.Tasks), slices.Clone(f.Services), slices.Clone(f.Nodes)}
	switch f.Subject.Kind {
	case "task":
		o.tasks = append(o.tasks, fact.TaskID(f.Subject.ID))
	case "service":
		o.services = append(o.services, fact.ServiceID(f.Subject.ID))
	}
	for _, name := range []string{f.Node, f.Peer} {
		if id := nodeNamed(s, name); id != "" {
			o.nodes = append(o.nodes, id)
		}
	}
	return o
}

func nodeNamed(s *fact.Snapshot, name string) fact.NodeID {
	if name == "" {
		return ""
	}
	if n := s.NodeNamed(name); n != nil {
		return n.ID
	}
	if s.Wanted != nil {
		for _, n := range s.Wanted.Nodes {
			if n.Hostname == name {
				return n.ID
			}
		}
	}
	return ""
}

// steady reports whether none of the objects changed in the last minute, as
// far as anybody knows. Without the managers nobody knows.
func (o objects) steady(s *fact.Snapshot) bool {
	if s.Wanted == nil {
		return false
	}
	old := func(t time.Time) bool { return s.Taken.Sub(t) >= SteadyFor }
	for _, id := range o.tasks {
		if t := s.Wanted.Task(id); t != nil && !(old(t.Updated) && old(t.StateSince)) {
			return false
		}
	}
	for _, id := range o.services {
		if svc := s.Wanted.Service(id); svc != nil && !old(svc.Updated) {
			return false
		}
	}
	for _, id := range o.nodes {
		if n := s.Wanted.Node(id); n != nil && !old(n.Updated) {
			return false
		}
		if n := s.Node(id); n != nil && n.Engine != nil && (n.Engine.Started.IsZero() || !old(n.Engine.Started)) {
			return false
		}
	}
	return true
}

// unchanged reports whether no update, start, stop or drain touched the
// objects between two looks.
func (o objects) unchanged(a, b *fact.Snapshot) bool {
	for _, id := range o.tasks {
		x, y := a.Wanted.Task(id), b.Wanted.Task(id)
		if (x == nil) != (y == nil) || x != nil && (x.Desired != y.Desired || x.State != y.State || !x.Updated.Equal(y.Updated)) {
			return false
		}
		if y != nil && b.Wanted.Service(y.ServiceID) != nil && updating(b.Wanted.Service(y.ServiceID)) {
			return false
		}
	}
	for _, id := range o.services {
		x, y := a.Wanted.Service(id), b.Wanted.Service(id)
		if (x == nil) != (y == nil) || x != nil && (!x.Updated.Equal(y.Updated) || x.UpdateState != y.UpdateState || updating(y)) {
			return false
		}
	}
	for _, id := range o.nodes {
		x, y := a.Wanted.Node(id), b.Wanted.Node(id)
		if (x == nil) != (y == nil) || x != nil && (x.State != y.State || x.Availability != y.Availability) {
			return false
		}
		e, f := a.Node(id), b.Node(id)
		if e != nil && f != nil && e.Engine != nil && f.Engine != nil && !e.Engine.Started.Equal(f.Engine.Started) {
			return false
		}
	}
	return true
}

// updating: between two looks of a rolling update nothing may seem to move, and
// yet everything is on its way.
func updating(s *fact.Service) bool {
	return s.UpdateState == "updating" || s.UpdateState == "rollback_started"
}

// verdictOn is what the second-look rule makes of one finding.
type verdictOn int

const (
	keep verdictOn = iota
	settling
	lookAgain
)

// settle applies the second-look rule (design: "The second look") to a finding
// and lowers its certainty where the rule says so. before holds the keys of the
// same check's findings in the earlier look.
func settle(s *fact.Snapshot, f *Finding, before map[string]bool) verdictOn {
	if f.Recurring {
		return keep
	}
	o := f.objects(s)
	if o.steady(s) && (f.Probed || f.Structural || f.Certainty == Hint) {
		return keep
	}
	if s.Earlier == nil {
		return lookAgain
	}
	if !before[f.key()] || !f.Hosts && !o.unchanged(s.Earlier, s) {
		return settling
	}
	if f.Certainty != Hint {
		f.Certainty = Strong
	}
	return keep
}

// confirmed reports whether a failed probe is more than a moment's noise: its
// target runs and is steady, or it failed in both looks.
func confirmed(s *fact.Snapshot, p *fact.TCPProbe) bool {
	if !failed(p.Outcome) {
		return false
	}
	t := s.Wanted.Task(p.To)
	away := expect.IsOutside(p)
	if t != nil && !t.Running() || t == nil && s.Wanted != nil && !away {
		return false
	}
	o := objects{tasks: []fact.TaskID{p.From.Task}}
	if away {
		o.nodes = []fact.NodeID{nodeNamed(s, p.From.Node)}
	}
	if t != nil {
		o.tasks, o.nodes = append(o.tasks, t.ID), []fact.NodeID{t.Node, nodeNamed(s, p.From.Node)}
	}
	if o.steady(s) {
		return true
	}
	return s.Earlier != nil && o.unchanged(s.Earlier, s) && slices.ContainsFunc(s.Earlier.Seen.TCP, func(e fact.TCPProbe) bool {
		return sameConnection(&e, p) && failed(e.Outcome)
	})
}

// WantsSecondLook reports whether a snapshot's contradictions need a second
// look, about two seconds after the first, before they may be called causes; or
// something failed that no cause explains, before that is called reproduced.
func WantsSecondLook(s *fact.Snapshot, checks []*Check) bool {
	if s.Earlier != nil {
		return false
	}
	sc, err := expect.Resolve(s)
	if err != nil {
		return false
	}
	j := &judge{s: s, sc: &sc}
	j.judge(checks)
	if len(j.settling)+len(j.once)+j.orphans() > 0 {
		return true
	}
	return slices.ContainsFunc(s.Seen.TCP, func(p fact.TCPProbe) bool {
		return failed(p.Outcome) && !confirmed(s, &p)
	}) || slices.ContainsFunc(expect.Unnamed(s, &sc), func(d fact.DNSProbe) bool {
		return !confirmedName(s, &sc, &d)
	}) || slices.ContainsFunc(s.Seen.Published, func(q fact.PublishedProbe) bool { return ailing(&q) && !meshConfirmed(s, &q) })
}
