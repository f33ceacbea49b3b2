package check

import (
	"fmt"
	"slices"

	"fairway/internal/fact"
)

// ailing reports whether requests of a probe failed; those that could not be
// made say nothing.
func ailing(q *fact.PublishedProbe) bool {
	return slices.ContainsFunc(q.Requests, func(r fact.Request) bool { return r.Outcome != fact.ProbeError && !q.Good(&r) })
}

// asTCP is the worst of a probe's requests as one connection, for what a check claims.
func asTCP(q *fact.PublishedProbe) *fact.TCPProbe {
	p := &fact.TCPProbe{From: q.From, To: q.To, Network: q.Network, Target: q.Target, Outcome: fact.Open}
	for _, r := range q.Requests {
		if failed(r.Outcome) {
			p.Outcome, p.ICMP, p.Err = r.Outcome, r.ICMP, r.Err
		}
	}
	return p
}

// meshConfirmed reports whether failed requests are more than a moment's noise.
func meshConfirmed(s *fact.Snapshot, q *fact.PublishedProbe) bool {
	if !ailing(q) {
		return false
	}
	if Settled(s, q) {
		return true
	}
	return s.Earlier != nil && restsOn(s, q).unchanged(s.Earlier, s) && slices.ContainsFunc(s.Earlier.Seen.Published, func(e fact.PublishedProbe) bool {
		return sameRequests(&e, q) && ailing(&e)
	})
}

// Settled reports whether one look at these requests is enough: nothing that
// they rest on changed in the last minute.
func Settled(s *fact.Snapshot, q *fact.PublishedProbe) bool { return restsOn(s, q).steady(s) }

// restsOn is what requests rest on.
func restsOn(s *fact.Snapshot, q *fact.PublishedProbe) objects {
	o := objects{services: []fact.ServiceID{q.Service}, nodes: []fact.NodeID{nodeNamed(s, q.From.Node)}}
	if q.Node != "" {
		o.nodes = append(o.nodes, q.Node)
	}
	if s.Wanted != nil {
		for _, t := range s.Wanted.Tasks {
			if t.ServiceID == q.Service && t.Desired == "running" {
				o.tasks = append(o.tasks, t.ID)
			}
		}
	}
	return o
}

// accountsForMesh reports whether a finding explains failed requests: it is
// about the node that was asked or that asked, or about a task or service
// behind the port.
func (j *judge) accountsForMesh(f *located, q *fact.PublishedProbe) bool {
	net := q.Network
	if q.Published != 0 {
		for _, p := range j.sc.Mesh {
			if p.Service == q.Service && p.Port.Published == q.Published {
				net = p.Network
			}
		}
	}
	if f.Network != "" && net != "" && f.Network != net || f.Only == NoTraffic || f.Only != Balanced && !f.check.claims(asTCP(q)) {
		return false
	}
	if f.Only == Balanced {
		return j.balances(f, q)
	}
	o := f.objects(j.s)
	behind := func(id fact.TaskID) bool {
		t := j.s.Wanted.Task(id)
		return t != nil && t.ServiceID == q.Service && (q.To == "" || q.To == id)
	}
	if f.Node == "" && q.Node != "" && len(f.Nodes) > 0 && f.Subject.Kind == "service" && !slices.Contains(f.Nodes, q.Node) {
		return false // it is about a service on some nodes, and not on this one
	}
	if f.Subject.Kind == "service" && fact.ServiceID(f.Subject.ID) == q.Service || slices.ContainsFunc(o.tasks, behind) {
		return true
	}
	if f.Subject.Kind == "task" && q.Stage == fact.StageTask {
		return false
	}
	node := j.nodeOrNone(q.Node)
	return f.Node == "" || f.Node == node || f.Node == q.From.Node || f.Peer != "" && (f.Peer == node || f.Peer == q.From.Node)
}

// balances reports whether a finding about a node's load balancer explains failed
// requests, however they failed: those that went through it. A request from the
// ingress sandbox to a backend passes by; only a backend that is none shows there.
func (j *judge) balances(f *located, q *fact.PublishedProbe) bool {
	if len(f.Services) > 0 && !slices.Contains(f.Services, q.Service) {
		return false
	}
	switch q.Stage {
	case fact.StageNode, fact.StageSelf, fact.StageSandbox:
		return f.Node == "" || f.Node == j.nodeOrNone(q.Node)
	case fact.StageVIP:
		return f.Node == "" || f.Node == q.From.Node
	case fact.StageBackend:
		return q.To == "" && f.Node == q.From.Node
	}
	return false
}

func (j *judge) answersForMesh(f *located, q *fact.PublishedProbe) bool {
	return j.accountsForMesh(f, q) || slices.ContainsFunc(flatten(f), func(u *located) bool { return j.accountsForMesh(u, q) })
}

// meshLines says what follows from a cause for published ports, one line each.
func (j *judge) meshLines(f *located) []string {
	var out []string
	for i := range j.s.Seen.Published {
		q := &j.s.Seen.Published[i]
		if !ailing(q) || !j.accountsForMesh(f, q) {
			continue
		}
		good := 0
		for k := range q.Requests {
			if q.Good(&q.Requests[k]) {
				good++
			}
		}
		what := fmt.Sprintf("published port %d on %s (%s)", q.Published, j.nodeOrNone(q.Node), q.Target)
		if q.Stage == fact.StageVIP {
			what = "virtual IP " + q.Target.String()
		} else if q.To != "" {
			what = fmt.Sprintf("%s (%s)", j.name(q.To, ""), q.Target)
		}
		out = append(out, fmt.Sprintf("%s, asked from %s → %d of %d answered: %s", what, q.From.Node, good, len(q.Requests), asTCP(q).Outcome))
	}
	return out
}
