package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// HostRow is what one node's published port answered, or a stage of its path.
type HostRow struct {
	// Node is the host name of the node that was asked; empty for a virtual IP.
	Node string `json:"node,omitempty"`
	// Service publishes the port.
	Service   string `json:"service"`
	Published uint16 `json:"published,omitempty"`
	Proto     string `json:"proto"`
	// Stage is "node" (from other nodes), "self" (from the node itself), "sandbox",
	// "backend", "task" or "vip".
	Stage fact.Stage `json:"stage"`
	// From are the nodes that asked.
	From []string `json:"from"`
	// To is the task meant by a stage that asks one task.
	To      string `json:"to,omitempty"`
	Address string `json:"address"`
	// Good of Of requests were answered as asked.
	Good int `json:"good"`
	Of   int `json:"of"`
	// Outcome is "open" when all were, else how most of the others ended.
	Outcome fact.Outcome `json:"outcome"`
	// HTTPStatus is that of the last answer; of the last wrong one where there is one.
	HTTPStatus int `json:"http_status,omitempty"`
	// Error is the kernel's or our word for a failure, Note what else there is to
	// say of an answer.
	Error string `json:"error,omitempty"`
	Note  string `json:"note,omitempty"`
}

// hosts is one row a node and stage, requests of all askers added up.
func (j *judge) hosts() []HostRow {
	var out []HostRow
	at := map[string]int{}
	for i := range j.s.Seen.Published {
		q := &j.s.Seen.Published[i]
		to := ""
		if q.To != "" {
			to = j.name(q.To, "")
		}
		asker := ""
		if q.Stage == fact.StageBackend || q.Stage == fact.StageVIP {
			asker = q.From.Node + "/" + q.From.NetNS
		}
		k := fmt.Sprint(q.Stage, q.Target, q.Proto, q.Node, to, asker)
		n, known := at[k]
		if !known {
			n = len(out)
			at[k] = n
			out = append(out, HostRow{Node: j.nodeOrNone(q.Node), Service: j.serviceName(q.Service), Published: q.Published, Proto: q.Proto,
				Stage: q.Stage, To: to, Address: q.Target.String(), Outcome: fact.Open})
		}
		out[n].add(q)
	}
	slices.SortStableFunc(out, func(a, b HostRow) int {
		return cmp.Or(cmp.Compare(a.Published, b.Published), slices.Index(stages, a.Stage)-slices.Index(stages, b.Stage), strings.Compare(a.Node, b.Node))
	})
	return out
}

// stages in the order of a report.
var stages = []fact.Stage{fact.StageNode, fact.StageSelf, fact.StageSandbox, fact.StageBackend, fact.StageTask, fact.StageVIP}

func (h *HostRow) add(q *fact.PublishedProbe) {
	if !slices.Contains(h.From, q.From.Node) {
		h.From = append(h.From, q.From.Node)
	}
	for i := range q.Requests {
		r := &q.Requests[i]
		h.Of++
		h.Note = cmp.Or(h.Note, r.Note)
		if q.Good(r) {
			h.Good++
			if h.Good == h.Of {
				h.HTTPStatus = r.Status
			}
			continue
		}
		h.Error = cmp.Or(r.Err, h.Error)
		if h.HTTPStatus = r.Status; r.Outcome != fact.Open {
			h.Outcome = r.Outcome
		} else if h.Outcome == fact.Open {
			h.Outcome = fact.ProbeError
			if r.Status != 0 {
				h.Outcome, h.Error = fact.Open, fmt.Sprintf("status %d", r.Status)
			}
		}
	}
}

func (j *judge) nodeOrNone(id fact.NodeID) string {
	if id == "" {
		return ""
	}
	return expect.NodeName(j.s, id)
}

func (j *judge) serviceName(id fact.ServiceID) string {
	if svc := j.s.Wanted.Service(id); svc != nil {
		return svc.Name
	}
	return string(id)
}

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
	if o.steady(s) {
		return true
	}
	return s.Earlier != nil && o.unchanged(s.Earlier, s) && slices.ContainsFunc(s.Earlier.Seen.Published, func(e fact.PublishedProbe) bool {
		return e.Stage == q.Stage && e.Target == q.Target && e.Service == q.Service && (e.From.Node == q.From.Node || q.Stage == fact.StageNode) && ailing(&e)
	})
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
	if f.Network != "" && net != "" && f.Network != net || f.Only != Balanced && !f.check.claims(asTCP(q)) {
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

// published says how the requests to published ports went, in one clause a port.
func (j *judge) published(r *Report) string {
	type sum struct{ good, of, nodes int }
	var keys []string
	by := map[string]*sum{}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if h.Stage != fact.StageNode && h.Stage != fact.StageSelf {
			continue
		}
		k := fmt.Sprintf("port %d of %s", h.Published, h.Service)
		if by[k] == nil {
			by[k] = &sum{}
			keys = append(keys, k)
		}
		by[k].good += h.Good
		by[k].of += h.Of
		if h.Stage == fact.StageNode || !slices.ContainsFunc(r.Hosts, func(o HostRow) bool {
			return o.Stage == fact.StageNode && o.Node == h.Node && o.Published == h.Published && o.Service == h.Service
		}) {
			by[k].nodes++
		}
	}
	var out []string
	for _, k := range keys {
		out = append(out, fmt.Sprintf("%s answered %d of %d requests on %d %s", k, by[k].good, by[k].of, by[k].nodes, plural(by[k].nodes, "node", "nodes")))
	}
	return strings.Join(out, "; ")
}
