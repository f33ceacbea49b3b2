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
	// Good of Of requests were answered as asked; where UDP is spoken, that is not
	// refused. Of is 0 for a node that was not asked: Error says why.
	Good int `json:"good"`
	Of   int `json:"of"`
	// Wanted is how many requests would have met every backend, where fewer could
	// be made.
	Wanted int `json:"wanted,omitempty"`
	// Outcome is "open" when all were, else how the last of the others ended.
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
		target := q.Target.String()
		if q.Stage == fact.StageNode { // nodes may know it by different addresses
			target = fmt.Sprint(q.Target.Port())
		}
		k := fmt.Sprint(q.Stage, "|", target, "|", q.Proto, "|", q.Service, "|", q.Node, "|", to, "|", asker)
		n, known := at[k]
		if !known {
			n = len(out)
			at[k] = n
			out = append(out, HostRow{Node: j.nodeOrNone(q.Node), Service: j.serviceName(q.Service), Published: q.Published, Proto: q.Proto,
				Stage: q.Stage, To: to, Address: q.Target.String(), Outcome: fact.Open})
		}
		out[n].add(q)
	}
	out = j.wished(append(out, j.unasked(out)...))
	slices.SortStableFunc(out, func(a, b HostRow) int {
		return cmp.Or(cmp.Compare(a.Published, b.Published), strings.Compare(a.Service, b.Service), strings.Compare(a.Proto, b.Proto),
			slices.Index(stages, a.Stage)-slices.Index(stages, b.Stage), strings.Compare(a.Node, b.Node))
	})
	return out
}

// unasked are rows for the nodes that listen, or should, and that nobody asks.
func (j *judge) unasked(rows []HostRow) []HostRow {
	var out []HostRow
	if j.s.Wanted == nil {
		return nil
	}
	for i := range j.sc.Mesh {
		p := &j.sc.Mesh[i]
		spoken := p.Port.Proto
		asked := map[string]bool{}
		for _, h := range rows {
			if (h.Stage == fact.StageNode || h.Stage == fact.StageSelf) && h.Service == p.Name && h.Published == p.Port.Published && (h.Proto == "udp") == (spoken == "udp") {
				asked[h.Node], spoken = true, h.Proto
			}
		}
		for k := range j.s.Wanted.Nodes {
			n := &j.s.Wanted.Nodes[k]
			why := p.Unaskable(j.s, n.ID)
			if n.State == "ready" && !slices.Contains(j.sc.Asked, n.ID) || asked[n.Hostname] {
				continue
			}
			if why == "" {
				why = "nobody could ask it"
			}
			out = append(out, HostRow{Node: n.Hostname, Service: p.Name, Published: p.Port.Published, Proto: spoken, Stage: fact.StageNode, From: []string{},
				Outcome: fact.ProbeError, Error: "not asked: " + why})
		}
	}
	return out
}

// wished notes where nodes got fewer requests than would meet every backend.
func (j *judge) wished(rows []HostRow) []HostRow {
	for i := range j.sc.Mesh {
		p := &j.sc.Mesh[i]
		for k := range rows {
			h := &rows[k]
			if n := p.Requests(j.s, nodeNamed(j.s, h.Node)); h.Stage == fact.StageNode && h.Of > 0 && h.Of < n && h.Service == p.Name && h.Published == p.Port.Published {
				h.Wanted = n
			}
		}
	}
	return rows
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

// published says how the requests to published ports went, in one clause a port.
func (j *judge) published(r *Report) string {
	type sum struct{ good, of, nodes int }
	var keys []string
	var left []string
	by := map[string]*sum{}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if h.Stage != fact.StageNode && h.Stage != fact.StageSelf {
			continue
		}
		if h.Of == 0 {
			if !slices.Contains(left, h.Node) {
				left = append(left, h.Node)
			}
			continue
		}
		k := fmt.Sprintf("port %d of %s answered", h.Published, h.Service)
		if h.Proto == "udp" { // silence is all that can be hoped for
			k = fmt.Sprintf("UDP port %d of %s did not refuse", h.Published, h.Service)
		}
		if by[k] == nil {
			by[k] = &sum{}
			keys = append(keys, k)
		}
		by[k].good += h.Good
		by[k].of += h.Of
		if h.Stage == fact.StageNode || !slices.ContainsFunc(r.Hosts, func(o HostRow) bool {
			return o.Of > 0 && o.Stage == fact.StageNode && o.Node == h.Node && o.Published == h.Published && o.Service == h.Service && o.Proto == h.Proto
		}) {
			by[k].nodes++
		}
	}
	var out []string
	for _, k := range keys {
		out = append(out, fmt.Sprintf("%s %d of %d requests on %d %s", k, by[k].good, by[k].of, by[k].nodes, plural(by[k].nodes, "node", "nodes")))
	}
	if len(left) > 0 && len(out) > 0 && j.s.Question.Published != 0 {
		out = append(out, listed(left)+plural(len(left), " was", " were")+" not asked")
	}
	return strings.Join(append(out, stagesFailed(r.Hosts)...), "; ")
}

// stagesFailed says which parts of the paths failed when they were asked alone,
// one clause each.
func stagesFailed(rows []HostRow) []string {
	what := map[fact.Stage]string{fact.StageSandbox: "ingress sandboxes, asked by their nodes, answered", fact.StageBackend: "tasks, asked by ingress sandboxes, answered",
		fact.StageTask: "the application, asked on its own loopback, answered", fact.StageVIP: "virtual IPs answered"}
	var out []string
	for _, st := range stages {
		good, of, how := 0, 0, ""
		for i := range rows {
			if h := &rows[i]; h.Stage == st && what[st] != "" {
				good, of = good+h.Good, of+h.Of
				if h.Good < h.Of {
					if how = cmp.Or(h.Error, string(h.Outcome)); st == fact.StageTask {
						n, _ := expect.ParseTaskName(h.To)
						how = n.Service + "." + n.Slot + ": " + how
					}
				}
			}
		}
		if good < of {
			out = append(out, fmt.Sprintf("%s %d of %d (%s)", what[st], good, of, how))
		}
	}
	return out
}
