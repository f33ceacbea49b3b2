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

// Run asks every check of a frozen snapshot and folds what they find into a
// report. It is the one path for live and replayed snapshots. Its only error is
// an expect.NameError: the question names something that nobody knows.
func Run(s *fact.Snapshot, checks []*Check, took time.Duration) (*Report, error) {
	sc, err := expect.Resolve(s)
	if err != nil && mute(s) == nil {
		return nil, err
	} else if err != nil {
		sc = expect.Scope{Proto: cmp.Or(s.Question.Proto, "tcp")}
	}
	j := &judge{s: s, sc: &sc}
	j.judge(checks)
	r := j.report()
	r.TookMS = took.Milliseconds()
	return r, nil
}

// mute is the gap that says that no engine told anything, because the one that
// was asked hangs: then nobody knows a name, and that is not the question's
// fault. nil where one did.
func mute(s *fact.Snapshot) *fact.Gap {
	if s.Wanted != nil || slices.ContainsFunc(s.Nodes, func(n fact.Node) bool { return n.Engine != nil }) {
		return nil
	}
	i := slices.IndexFunc(s.Gaps, func(g fact.Gap) bool { return g.Kind == fact.KindInfo && g.Class == fact.ClassTimeout })
	if i < 0 {
		return nil
	}
	return &s.Gaps[i]
}

// judge holds one run's intermediate results.
type judge struct {
	s  *fact.Snapshot
	sc *expect.Scope

	causes, elsewhere, settling []*located
	// once are findings that a second look would have confirmed or not, had the
	// operator not stopped it.
	once      []*located
	answers   []CheckAnswer
	confirmed []fact.TCPProbe
	// ports are failed requests to published ports and virtual IPs, confirmed.
	ports []fact.PublishedProbe
	ran   []result
}

func (j *judge) judge(checks []*Check) {
	before := j.earlierKeys(checks)
	var kept []*located
	j.ran = runAll(j.s, j.sc, checks)
	for rank, r := range j.ran {
		found := 0
		for i := range r.findings {
			f := &located{Finding: r.findings[i], check: r.check, rank: rank}
			switch sure := settle(j.s, &f.Finding, before[r.check.ID]); {
			case sure == keep:
				kept = append(kept, f)
				found++
			case sure == lookAgain && interrupted(j.s) != "":
				j.once = append(j.once, f)
			default:
				j.settling = append(j.settling, f)
			}
		}
		j.answers = append(j.answers, answer(j.s, &r, found))
	}
	for _, f := range fold(j.s, kept) {
		if j.onPath(f) {
			j.causes = append(j.causes, f)
		} else {
			j.elsewhere = append(j.elsewhere, f)
		}
	}
	for i := range j.s.Seen.TCP {
		if confirmed(j.s, &j.s.Seen.TCP[i]) {
			j.confirmed = append(j.confirmed, j.s.Seen.TCP[i])
		}
	}
	j.confirmed = append(j.confirmed, j.unnamed(true)...)
	for i := range j.s.Seen.Published {
		if q := &j.s.Seen.Published[i]; meshConfirmed(j.s, q) {
			j.ports = append(j.ports, *q)
		}
	}
	if j.s.Earlier == nil && interrupted(j.s) != "" { // nothing is reproduced that nobody tried again
		j.confirmed = slices.DeleteFunc(j.confirmed, func(p fact.TCPProbe) bool { return !j.accounted(&p) })
		j.ports = slices.DeleteFunc(j.ports, func(q fact.PublishedProbe) bool { return !j.accountedPort(&q) })
	}
	j.sortCauses(j.causes)
	j.sortCauses(j.elsewhere)
}

// onPath: a root cause counts when it, or anything that follows from it, lies on
// a path of the question: a node that went down holds no end any more, but the
// task that misses there does.
func (j *judge) onPath(f *located) bool {
	if j.sc.Outside != nil {
		if leavesPath(j.sc, f) || slices.ContainsFunc(flatten(f), func(u *located) bool { return leavesPath(j.sc, u) }) {
			return true
		}
		if len(j.sc.Mesh) == 0 {
			return false
		}
	}
	return onPath(j.s, j.sc, &f.Finding) || slices.ContainsFunc(flatten(f), func(u *located) bool { return onPath(j.s, j.sc, &u.Finding) })
}

func (j *judge) earlierKeys(checks []*Check) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	if j.s.Earlier == nil {
		return out
	}
	sc, err := expect.Resolve(j.s.Earlier)
	if err != nil {
		return out
	}
	for _, r := range runAll(j.s.Earlier, &sc, checks) {
		out[r.check.ID] = map[string]bool{}
		for i := range r.findings {
			out[r.check.ID][r.findings[i].key()] = true
		}
	}
	return out
}

func answer(s *fact.Snapshot, r *result, found int) CheckAnswer {
	a := CheckAnswer{ID: r.check.ID, Answer: OK}
	switch {
	case found > 0:
		a.Answer = Failed
		a.Reason = r.findings[0].Message
	case len(r.findings) > 0 && interrupted(s) != "":
		a.Answer, a.Reason = Unknown, "seen once, not confirmed: "+r.findings[0].Message
	case len(r.findings) > 0:
		a.Answer, a.Reason = Unknown, "settling: "+r.findings[0].Message
	case len(r.blind) > 0:
		a.Answer, a.Reason = Unknown, strings.Join(r.blind, "; ")
	}
	return a
}

// sortCauses puts those first that account for a failed connection, then the
// more certain.
func (j *judge) sortCauses(list []*located) {
	order := []Certainty{Proof, Strong, Hint}
	late := map[*located]int{}
	for _, f := range list {
		switch {
		case j.idle(f):
			late[f] = 2
		case j.s.Question.Published != 0 && j.s.Question.To != "" && !j.answersForSome(f):
			late[f] = 1 // FROM → TO comes before the published port (runbook P2)
		}
	}
	slices.SortStableFunc(list, func(a, b *located) int {
		return cmp.Or(late[a]-late[b], slices.Index(order, a.Certainty)-slices.Index(order, b.Certainty), a.rank-b.rank,
			strings.Compare(a.key(), b.key()))
	})
}

// answersForSome: a failed connection from FROM to TO is accounted for.
func (j *judge) answersForSome(f *located) bool {
	return slices.ContainsFunc(j.failures(), func(p fact.TCPProbe) bool { return j.answersFor(f, &p) })
}

func (j *judge) report() *Report {
	s := j.s
	r := &Report{Format: ReportFormat, Tool: Tool{Name: "fairway", Version: s.Tool}, Taken: s.Taken.UTC(),
		Question: j.question(), Checks: j.answers,
		Causes: j.written(j.causes), Elsewhere: j.written(j.elsewhere), Settling: j.written(j.settling), Unconfirmed: j.written(j.once),
		Changed: j.s.Changed,
		Tasks:   j.tasks(), Probes: j.probes(), DNS: j.lookups(), Ladders: j.ladders(), Peers: j.peers(), Gaps: j.gaps(), Hosts: j.hosts(), Paths: j.paths(),
		Nodes: j.nodes(), Untried: j.untried(), Figures: j.figures(), Flapping: j.flapping(),
	}
	r.Timeline, r.LeftOut = j.timeline()
	r.Work = Work{Connections: s.Seen.Made, Lookups: len(s.Seen.DNS), Echoes: len(s.Seen.MTU), Looks: 1}
	if s.Earlier != nil {
		r.Work.Looks = 2
		r.Work.Connections += s.Earlier.Seen.Made
		r.Work.Lookups += len(s.Earlier.Seen.DNS)
		r.Work.Datagrams = sent(s.Earlier)
	}
	r.Work.Datagrams += sent(s)
	lost := 0
	r.NotAgain, lost = j.notAgain()
	if r.Verdict = j.verdict(r); r.Verdict == VerdictOK && lost > 0 {
		r.Verdict = VerdictUnknown
	}
	r.Summary = j.summary(r)
	return r
}

// sent counts the datagrams that hosts sent each other.
func sent(s *fact.Snapshot) int {
	n := 0
	for _, p := range s.Seen.DataPath {
		n += p.Sent
	}
	return n
}

func (j *judge) question() Question {
	q := j.s.Question
	if q.All {
		return Question{Proto: j.sc.Proto, Services: q.Services, Since: when(q.Since), Until: when(q.Until)}
	}
	out := Question{Since: when(q.Since), Until: when(q.Until), From: q.From, To: q.To, Port: q.Port, Outside: j.sc.Outside != nil, Proto: j.sc.Proto, Node: q.Node, Published: q.Published, PublishedProto: q.PublishedProto}
	if q.HTTP != nil {
		out.Hostname, out.Path, out.Status = q.HTTP.Host, q.HTTP.Path, q.HTTP.Expect
	}
	if q.Port == 0 {
		out.Ports = j.sc.Ports
	}
	nets := j.sc.Networks
	if q.To == "" {
		nets = j.sc.Overlays()
	}
	for _, n := range nets {
		out.Networks = append(out.Networks, expect.NetworkName(j.s, n))
	}
	return out
}

// verdict: failed when a cause stands or a confirmed probe failed; unknown when
// only hints stand, or something on the path could not be seen or had not
// settled.
func (j *judge) verdict(r *Report) Verdict {
	firm := slices.ContainsFunc(r.Causes, func(c Cause) bool { return c.Certainty != Hint })
	if firm || len(j.confirmed)+len(j.ports) > 0 {
		return VerdictFailed
	}
	if len(r.Causes) > 0 || len(r.Settling)+len(r.Unconfirmed) > 0 || j.lacks() || j.closedPeer() != "" || len(j.unnamed(false)) > 0 ||
		slices.ContainsFunc(j.s.Seen.Published, func(q fact.PublishedProbe) bool { return ailing(&q) }) || len(j.unmade()) > 0 ||
		slices.ContainsFunc(r.Checks, func(a CheckAnswer) bool { return a.Answer == Unknown }) {
		return VerdictUnknown
	}
	return VerdictOK
}

// lacks reports whether something that matters to the question was not seen.
func (j *judge) lacks() bool {
	return slices.ContainsFunc(j.s.Gaps, func(g fact.Gap) bool { return g.Class != fact.ClassAside })
}

// closedPeer is a connection between two hosts that failed, in one clause: a
// port that Swarm needs. Empty where all got through.
func (j *judge) closedPeer() string {
	for _, p := range j.s.Seen.Peers {
		if failed(p.Outcome) && p.What != fact.WhatOutside {
			return fmt.Sprintf("%s → %s (%s, TCP %d): %s", p.Node, expect.NodeName(j.s, p.Peer), p.What, p.Target.Port(), p.Outcome)
		}
	}
	return ""
}

func (j *judge) ruledOut(r *Report) string {
	n, unknown := 0, 0
	for _, a := range r.Checks {
		switch a.Answer {
		case OK:
			n++
		case Unknown:
			unknown++
		}
	}
	return fmt.Sprintf("%d causes ruled out, %d could not be judged", n, unknown)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
