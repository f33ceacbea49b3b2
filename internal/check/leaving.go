package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// leavesPath reports whether a finding lies on the way from a question's tasks to
// a place outside the Swarm. No overlay, and no other node, has a part in that.
func leavesPath(sc *expect.Scope, f *located) bool {
	if !f.leaves() || f.check.Names && sc.Outside.Addr.IsValid() {
		return false
	}
	switch f.Subject.Kind {
	case "task", "container":
		return findEnd(sc.From, &f.Finding)
	case "service":
		return slices.Contains(sc.FromServices, fact.ServiceID(f.Subject.ID))
	}
	return f.Node == "" || slices.Contains(hosts(sc.From), f.Node)
}

// leaves: it harms what tasks send to places outside the Swarm.
func (f *located) leaves() bool {
	return f.Network == "" && f.Peer == "" && (f.Only == Leaving || f.Only == AnyTraffic && f.check.Outside)
}

// accountsOutside reports whether a finding explains a failed connection to a
// place outside, or one that was not made for want of an address: it is about the
// task, its service, its node, or the place.
func (j *judge) accountsOutside(f *located, p *fact.TCPProbe) bool {
	if !f.leaves() || f.Only == AnyTraffic && !f.check.claims(p) || f.check.Names && p.Target.IsValid() || len(f.Places) > 0 && !slices.Contains(f.Places, p.Target) {
		return false
	}
	switch f.Subject.Kind {
	case "task", "container":
		return string(p.From.Task) == f.Subject.ID || string(p.From.Container) == f.Subject.ID
	case "service":
		t := j.s.Wanted.Task(p.From.Task)
		return t != nil && string(t.ServiceID) == f.Subject.ID
	}
	return f.Node == "" || f.Node == p.From.Node
}

// unnamed are the questions for a place outside that got no address, as the
// connections that were not made for it. sure leaves out what may be a moment's
// noise.
func (j *judge) unnamed(sure bool) []fact.TCPProbe {
	var out []fact.TCPProbe
	for _, d := range expect.Unnamed(j.s, j.sc) {
		if p := lost(&d); !sure || confirmedName(j.s, j.sc, &d) {
			out = append(out, p)
		}
	}
	return out
}

// lost is the connection that was not made for want of an address.
func lost(d *fact.DNSProbe) fact.TCPProbe {
	o := fact.Unreachable
	if noSuchName(d) {
		o = fact.Refused // an answer came: what loses packets did not lose it
	}
	return fact.TCPProbe{From: d.From, Outcome: o, Err: cmp.Or(d.RCode, string(d.Outcome)), Target: netip.AddrPort{}}
}

// confirmedName: as confirmed, of a question for a name.
func confirmedName(s *fact.Snapshot, sc *expect.Scope, d *fact.DNSProbe) bool {
	o := objects{tasks: []fact.TaskID{d.From.Task}, nodes: []fact.NodeID{nodeNamed(s, d.From.Node)}}
	if o.steady(s) {
		return true
	}
	return s.Earlier != nil && o.unchanged(s.Earlier, s) && slices.ContainsFunc(expect.Unnamed(s.Earlier, sc), func(e fact.DNSProbe) bool {
		return e.From.Container == d.From.Container
	})
}

// targetName is how the report calls what a connection was for.
func (j *judge) targetName(p *fact.TCPProbe) string {
	if j.sc.Outside != nil && expect.IsOutside(p) {
		return j.sc.Outside.Name
	}
	return j.name(p.To, "")
}

// explained is the line about a failed connection under the cause that accounts for it.
func (j *judge) explained(p *fact.TCPProbe) string {
	from, to := j.name(p.From.Task, p.From.Container), j.targetName(p)
	if !p.Target.IsValid() {
		return fmt.Sprintf("%s → %s: no address (%s)", from, to, p.Err)
	}
	return fmt.Sprintf("%s → %s (%s): %s", from, to, p.Target, p.Outcome)
}

// nameless says how many tasks got no address for a place outside, and what they
// got instead; empty where all did, or nobody asked.
func (j *judge) nameless() string {
	list := j.unnamed(false)
	if len(list) == 0 {
		return ""
	}
	var why []string
	for _, p := range list {
		if !slices.Contains(why, p.Err) {
			why = append(why, p.Err)
		}
	}
	slices.Sort(why)
	return fmt.Sprintf("%d %s no address for %s (%s)", len(list), plural(len(list), "task gets", "tasks get"), j.sc.Outside.Name, listed(why))
}
