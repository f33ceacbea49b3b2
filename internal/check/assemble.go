package check

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// written turns located findings into causes; alike ones on the same node, peer
// and network become one.
func (j *judge) written(list []*located) []Cause {
	out := []Cause{}
	at := map[string]int{}
	for _, f := range list {
		k := strings.Join([]string{f.check.ID, f.Node, string(f.Network), f.Peer, f.Subject.Kind}, "|")
		if i, ok := at[k]; ok && f.Node != "" {
			merge(&out[i], j.cause(f))
			continue
		}
		at[k] = len(out)
		out = append(out, j.cause(f))
	}
	return out
}

func merge(into *Cause, c Cause) {
	for _, e := range c.Evidence {
		if !slices.Contains(into.Evidence, e) {
			into.Evidence = append(into.Evidence, e)
		}
	}
	into.Explains = append(into.Explains, c.Message)
	for _, e := range c.Explains {
		if !slices.Contains(into.Explains, e) {
			into.Explains = append(into.Explains, e)
		}
	}
	if !strings.Contains(into.Relief, c.Relief) {
		into.Relief += "\n" + c.Relief
	}
}

func (j *judge) cause(f *located) Cause {
	c := Cause{ID: f.check.ID, Title: f.check.Title, Certainty: f.Certainty, Node: f.Node, Subject: f.Subject, Peer: f.Peer,
		Message: f.Message, Confirm: f.Confirm, Explains: []string{},
		Relief: cmp.Or(f.Relief, f.check.Doc.Relief), Fix: cmp.Or(f.Fix, f.check.Doc.Fix), Impact: cmp.Or(f.Impact, ImpactNone)}
	if f.Network != "" {
		c.Network = expect.NetworkName(j.s, f.Network)
	}
	c.Evidence = []Evidence{}
	for _, e := range f.Evidence {
		if !slices.Contains(c.Evidence, e) {
			c.Evidence = append(c.Evidence, e)
		}
	}
	for _, u := range flatten(f) {
		c.Explains = append(c.Explains, u.check.ID+": "+u.Message)
	}
	for _, p := range j.failures() {
		if j.accountsFor(f, &p) {
			c.Explains = append(c.Explains, j.explained(&p))
		}
	}
	c.Explains = append(c.Explains, j.meshLines(f)...)
	return c
}

func flatten(f *located) []*located {
	var out []*located
	for _, u := range f.under {
		out = append(append(out, u), flatten(u)...)
	}
	return out
}

// accountsFor reports whether a finding explains a failed probe: it is about
// the probe's network and either about its target or its source, or about the
// pair of nodes it crossed.
func (j *judge) accountsFor(f *located, p *fact.TCPProbe) bool {
	if expect.IsOutside(p) {
		return j.accountsOutside(f, p)
	}
	if f.Network != "" && f.Network != p.Network || f.Only == Balanced || f.Only == NoTraffic || !f.check.claims(p) {
		return false
	}
	o := f.objects(j.s)
	to := j.s.Wanted.Task(p.To)
	toNode := ""
	if to != nil {
		toNode = expect.NodeName(j.s, to.Node)
	}
	switch {
	case slices.Contains(o.tasks, p.To) && p.To != "":
		return f.Node == "" || f.Node == p.From.Node || f.Node == toNode
	case f.Peer != "":
		return f.Node == p.From.Node && f.Peer == toNode || f.Peer == p.From.Node && f.Node == toNode
	case f.Subject.Kind == "task" || f.Subject.Kind == "container":
		return string(p.From.Task) == f.Subject.ID || string(p.From.Container) == f.Subject.ID
	case f.Subject.Kind == "service":
		return to != nil && string(to.ServiceID) == f.Subject.ID
	}
	return f.Node != "" && (f.Node == p.From.Node || f.Node == toNode)
}

// name is how the report calls one end of a probe.
func (j *judge) name(t fact.TaskID, c fact.ContainerID) string {
	if task := j.s.Wanted.Task(t); task != nil {
		return expect.NameOf(task)
	}
	for _, ends := range [][]expect.End{j.sc.From, j.sc.To} {
		for _, e := range ends {
			if t != "" && e.Task == t || c != "" && e.Container == c {
				return e.Full
			}
		}
	}
	return cmp.Or(string(t), string(c), "nobody")
}

// tasks lists runbook U7: every task concerned, with failed ones before it in
// the same slot (at most two a slot), and those that are gone from the managers
// and still answered for.
func (j *judge) tasks() []Task {
	out := []Task{}
	seen := map[fact.TaskID]bool{}
	add := func(t *fact.Task) {
		if !seen[t.ID] {
			seen[t.ID] = true
			out = append(out, j.task(t))
		}
	}
	for _, ends := range [][]expect.End{j.sc.From, j.sc.To} {
		for _, e := range ends {
			if t := j.s.Wanted.Task(e.Task); t != nil {
				add(t)
				for _, old := range j.failedBefore(t) {
					add(old)
				}
			} else if e.Task != "" && !seen[e.Task] {
				seen[e.Task] = true
				out = append(out, j.unlisted(&e))
			}
		}
	}
	return out
}

func (j *judge) failedBefore(t *fact.Task) []*fact.Task {
	var out []*fact.Task
	for i := range j.s.Wanted.Tasks {
		o := &j.s.Wanted.Tasks[i]
		if o.ID != t.ID && o.ServiceID == t.ServiceID && o.Slot == t.Slot && (t.Slot != 0 || o.Node == t.Node) &&
			(o.State == "failed" || o.State == "rejected") {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b *fact.Task) int { return b.Updated.Compare(a.Updated) })
	return out[:min(2, len(out))]
}

func (j *judge) task(t *fact.Task) Task {
	n, _ := expect.ParseTaskName(expect.NameOf(t))
	out := Task{ID: t.ID, Service: t.Service, Name: expect.NameOf(t), Slot: n.Slot, Node: expect.NodeName(j.s, t.Node),
		State: t.State, Desired: t.Desired, Error: t.Err, Reachable: j.reachable(t.ID)}
	if t.Node == "" {
		out.Node = ""
	}
	if v := expect.VTEP(j.s, t.Node); v.IsValid() && t.Node != "" {
		out.HostIP = v.String()
	}
	if a := j.address(t.Addresses); a != "" {
		out.Address = a
	}
	out.Created, out.Updated = when(t.Created), when(t.Updated)
	return out
}

func (j *judge) unlisted(e *expect.End) Task {
	n, _ := expect.ParseTaskName(e.Full)
	state := "gone"
	if j.s.Wanted == nil {
		state = "unknown"
	}
	return Task{ID: e.Task, Service: e.ServiceName, Name: e.Full, Slot: n.Slot, Node: e.NodeName, State: state,
		Address: j.address(e.Addresses), Reachable: j.reachable(e.Task)}
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	u := t.UTC()
	return &u
}

// address is the one on the first shared network, else the first one outside
// the routing mesh.
func (j *judge) address(list []fact.TaskAddress) string {
	for _, n := range j.sc.Overlays() {
		for _, a := range list {
			if a.Network == n {
				return a.Addr.Addr().String()
			}
		}
	}
	for _, a := range list {
		if n := expect.Network(j.s, a.Network); n == nil || !n.Ingress {
			return a.Addr.Addr().String()
		}
	}
	return ""
}

// reachable: nil when no probe went there, else whether every one arrived. A
// refusal arrived, but nobody answered; it counts as not reachable.
func (j *judge) reachable(id fact.TaskID) *bool {
	var out *bool
	for _, p := range j.s.Seen.TCP {
		if p.To != id || id == "" || p.Outcome == fact.ProbeError {
			continue
		}
		ok := p.Outcome == fact.Open && (out == nil || *out)
		out = &ok
	}
	for i := range j.s.Seen.Published {
		q := &j.s.Seen.Published[i]
		if q.To != id || id == "" || q.Stage != fact.StageBackend || len(q.Requests) == 0 || asTCP(q).Outcome == fact.ProbeError {
			continue
		}
		ok := !ailing(q) && (out == nil || *out)
		out = &ok
	}
	return out
}
