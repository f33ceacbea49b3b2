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

// decided is what the managers tell: tasks, services and nodes that changed.
func (j *judge) decided() []moment {
	if j.s.Wanted == nil {
		return nil
	}
	var out []moment
	slots := j.perSlot()
	for i := range j.s.Wanted.Tasks {
		if t := &j.s.Wanted.Tasks[i]; j.concerned(t) {
			out = append(out, j.lifeOf(t, j.called(t, slots[slotOf(t)] > 1))...)
		}
	}
	for i := range j.s.Wanted.Services {
		if svc := &j.s.Wanted.Services[i]; j.asksAbout(svc.ID) {
			out = append(out, j.changesOf(svc)...)
		}
	}
	for i := range j.s.Wanted.Nodes {
		out = append(out, j.turned(&j.s.Wanted.Nodes[i]))
	}
	return slices.DeleteFunc(out, func(m moment) bool { return m.at.IsZero() })
}

// lifeOf is a task's creation, its present state, and a later word of the managers.
func (j *judge) lifeOf(t *fact.Task, called string) []moment {
	node := ""
	if t.Node != "" {
		node = expect.NodeName(j.s, t.Node)
	}
	name := []string{called}
	wanted := func(at time.Time, weight int, what string) moment {
		return moment{at: at, node: node, picture: "wanted", weight: weight, of: name, what: what}
	}
	created, since, updated := j.led(t.Created), j.here(node, t.StateSince), j.led(t.Updated)
	out := []moment{wanted(created, change, plainly(t.Service)+": %s created")}
	what, weight := t.State, change
	if slices.Contains([]string{"failed", "rejected", "orphaned"}, t.State) {
		weight = badly
	}
	if t.Err != "" {
		what, weight = what+": "+t.Err, badly
	}
	if t.ExitCode != 0 && !strings.Contains(t.Err, fmt.Sprintf("(%d)", t.ExitCode)) {
		what += fmt.Sprintf(" (exit code %d)", t.ExitCode)
	}
	out = append(out, wanted(cmp.Or(since, updated), weight, plainly(t.Service)+": %s "+plainly(fact.OneLine(what))))
	if later := updated.Sub(cmp.Or(since, created)); !since.IsZero() && later > 2*time.Second {
		out = append(out, wanted(updated, ordinary, plainly(t.Service)+": %s updated, wanted "+plainly(t.Desired)))
	}
	return out
}

// plainly keeps words of others from being taken for the place of a name.
func plainly(s string) string { return strings.ReplaceAll(s, "%", "％") }

func (j *judge) changesOf(svc *fact.Service) []moment {
	name := []string{svc.Name}
	out := []moment{{at: j.led(svc.Created), picture: "wanted", weight: change, of: name, what: "service %s created"}}
	if svc.Updated.Sub(svc.Created) < 2*time.Second {
		return out
	}
	m := moment{at: j.led(svc.Updated), picture: "wanted", weight: change, of: name, what: "service %s updated"}
	if svc.UpdateState != "" {
		m.what += " (" + plainly(strings.TrimSuffix(svc.UpdateState+": "+svc.UpdateMessage, ": ")) + ")"
	}
	if svc.UpdateState == "paused" || strings.HasPrefix(svc.UpdateState, "rollback") {
		m.weight = badly
	}
	m.what = fact.OneLine(m.what)
	return append(out, m)
}

// turned is the last change of a node, as the managers know it.
func (j *judge) turned(n *fact.SwarmNode) moment {
	m := moment{at: j.led(n.Updated), node: n.Hostname, picture: "wanted", weight: ordinary, of: []string{n.Hostname},
		what: "node %s " + plainly(n.State+", "+n.Availability)}
	switch {
	case n.State != "ready":
		m.weight = badly
	case n.Availability != "active":
		m.weight = change
	}
	if n.Message != "" {
		m.what = fact.OneLine(m.what + ": " + plainly(n.Message))
	}
	return m
}

// started is when kernels and engines began, as far as anybody can tell.
func (j *judge) started() []moment {
	var out []moment
	for i := range j.s.Nodes {
		n := &j.s.Nodes[i]
		if n.Kernel != nil && !n.Kernel.Boot.IsZero() {
			out = append(out, moment{at: j.here(n.Name, n.Kernel.Boot), node: n.Name, picture: "held", weight: badly, of: []string{n.Name}, what: "kernel of %s started"})
		}
		// One container that is new says nothing of its engine.
		if n.Engine != nil && !n.Engine.Started.IsZero() && len(n.Engine.Containers) > 1 {
			out = append(out, moment{at: j.here(n.Name, n.Engine.Started), node: n.Name, picture: "believed", weight: change,
				of: []string{n.Name}, what: "oldest running container started on %s"})
		}
	}
	return out
}

// spoken is what logs say, but for the figures that come every five minutes.
func (j *judge) spoken() []moment {
	var out []moment
	peerOf := j.peersSaid()
	j.statements(func(n *fact.Node, st *fact.Statement) {
		if st.Stats != nil && st.Benign {
			return
		}
		m := moment{at: j.here(n.Name, st.At), node: n.Name, picture: "said", weight: badly, of: []string{n.Name},
			what: "%s: " + string(st.From) + " says: " + plainly(fact.OneLine(st.Text))}
		if st.Benign {
			m.weight = ordinary
		}
		if st.Peer != "" || st.Addr.IsValid() {
			m.key = strings.Join([]string{st.ID, st.Peer, st.Addr.String(), st.Network}, "|")
			if who := peerOf(n, st); who != "" && !strings.Contains(m.what, who) {
				m.what += " (" + plainly(who) + ")"
			}
		}
		out = append(out, m)
	})
	return out
}

// missed are the connections of this run that failed.
func (j *judge) missed() []moment {
	var out []moment
	for _, s := range []*fact.Snapshot{j.s.Earlier, j.s} {
		if s == nil {
			continue
		}
		for i := range s.Seen.TCP {
			if p := &s.Seen.TCP[i]; failed(p.Outcome) && !p.At.IsZero() {
				out = append(out, j.missedBy(p))
			}
		}
		for i := range s.Seen.Published {
			out = append(out, j.unanswered(&s.Seen.Published[i])...)
		}
	}
	return out
}

func (j *judge) missedBy(p *fact.TCPProbe) moment {
	return moment{at: j.here(p.From.Node, p.At), node: p.From.Node, picture: "seen", weight: badly, of: []string{j.prober(&p.From)},
		what: plainly(fmt.Sprintf("connection to %s (%s): %s, from ", j.shortTarget(p), p.Target, p.Outcome)) + "%s"}
}

func (j *judge) shortTarget(p *fact.TCPProbe) string {
	if expect.IsOutside(p) {
		return j.targetName(p)
	}
	return j.shortName(p.To, "")
}

// prober is who asks: a task or container, or a namespace of its host.
func (j *judge) prober(from *fact.Source) string {
	if from.Task == "" && from.Container == "" {
		return from.NetNS + " of " + from.Node
	}
	return j.shortName(from.Task, from.Container)
}

// shortName is how the report calls one end of a probe, without the task's ID.
func (j *judge) shortName(id fact.TaskID, c fact.ContainerID) string {
	if t := j.s.Wanted.Task(id); t != nil {
		return j.shortly(t)
	}
	return j.name(id, c)
}

func (j *judge) unanswered(q *fact.PublishedProbe) []moment {
	var out []moment
	for i := range q.Requests {
		r := &q.Requests[i]
		if q.Good(r) || r.Outcome == fact.ProbeError || r.At.IsZero() {
			continue
		}
		how := string(r.Outcome)
		if r.Outcome == fact.Open {
			how = fmt.Sprintf("status %d", r.Status)
		}
		out = append(out, moment{at: j.here(q.From.Node, r.At), node: q.From.Node, picture: "seen", weight: badly, of: []string{j.prober(&q.From)},
			what: plainly(fmt.Sprintf("request to %s: %s, from ", j.target(q), how)) + "%s"})
	}
	return out
}

// target is what a request goes to.
func (j *judge) target(q *fact.PublishedProbe) string {
	name := j.serviceName(q.Service)
	switch q.Stage {
	case fact.StageVIP:
		return fmt.Sprintf("the virtual IP of %s (%s)", name, q.Target)
	case fact.StageBackend, fact.StageTask:
		return fmt.Sprintf("%s for port %d (%s)", j.shortName(q.To, ""), q.Published, q.Target)
	case fact.StageSandbox:
		return fmt.Sprintf("ingress_sbox of %s for port %d (%s)", j.nodeOrNone(q.Node), q.Published, q.Target)
	}
	return fmt.Sprintf("port %d of %s (%s)", q.Published, j.nodeOrNone(q.Node), q.Target)
}
