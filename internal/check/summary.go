package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// summary is the report's one sentence.
func (j *judge) summary(r *Report) string {
	stopped := interrupted(j.s)
	switch {
	case len(r.Causes) > 0:
		more := ""
		if n := len(r.Causes) - 1; n > 0 {
			more = fmt.Sprintf(" (and %d more %s)", n, plural(n, "cause", "causes"))
		}
		if stopped != "" {
			more += "; " + stopped
		}
		if n := j.orphans(); n > 0 {
			more += fmt.Sprintf("; %d failed %s %s explained by no cause", n, plural(n, "connection", "connections"), plural(n, "is", "are"))
		}
		return r.Causes[0].Message + more
	case len(j.confirmed)+len(j.ports) > 0:
		return strings.TrimSuffix("reproduced, unexplained: "+j.connections(r)+"; "+j.ruledOut(r)+"; "+stopped, "; ")
	case mute(j.s) != nil && stopped == "":
		return mute(j.s).Reason
	case stopped != "":
		return stopped + ": " + j.soFar(r)
	case r.Verdict == VerdictUnknown:
		return j.soFar(r) + onceMore(r)
	}
	return "nothing is wrong: " + j.connections(r) + j.sample() + onceMore(r)
}

// sample says that not everything was tried, where the bounds of one run are
// below the size of the question.
func (j *judge) sample() string {
	var out string
	for _, g := range j.s.Gaps {
		if g.Kind == fact.KindSample {
			out += "; a sample: " + g.Reason
		}
	}
	return out
}

// soFar is what can be said where nothing is certain. Connections that failed
// are never called nothing.
func (j *judge) soFar(r *Report) string {
	_, tried, bad := j.tally()
	switch n, closed := len(r.Unconfirmed)+len(r.Settling), j.closedPeer(); {
	case bad > 0 && closed != "":
		return fmt.Sprintf("%d of %d connections failed, not confirmed, and hosts do not reach each other: %s", bad, tried, closed)
	case bad > 0:
		return fmt.Sprintf("%d of %d connections failed, not confirmed", bad, tried)
	case j.inVain() > 0:
		n := j.inVain()
		return fmt.Sprintf("%d %s failed, not confirmed: %s", n, plural(n, "request", "requests"), j.connections(r))
	case j.nameless() != "":
		return j.nameless() + ", not confirmed"
	case closed != "":
		return "no cause found, but hosts do not reach each other: " + closed + "; " + j.connections(r)
	case n > 0:
		return fmt.Sprintf("%d %s seen and not confirmed: %s", n, plural(n, "contradiction", "contradictions"), j.connections(r))
	case j.closedPeer() != "":
		return "no cause is certain, but a port that the nodes need is closed: " + j.closedPeer() + "; " + j.connections(r)
	case interrupted(j.s) != "":
		return "nothing wrong found until then: " + j.connections(r)
	}
	if len(r.NotAgain) > 0 {
		return "not reproduced: " + j.connections(r)
	}
	return "nothing wrong found, but not everything could be seen: " + j.connections(r)
}

// onceMore says what failed in the first look only.
func onceMore(r *Report) string {
	n := len(r.NotAgain)
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %d failed two seconds before, and not again", n)
}

// tally counts the connections that were tried, those that opened and those
// that failed; the rest could not be made.
func (j *judge) tally() (open, tried, bad int) {
	for _, p := range j.s.Seen.TCP {
		tried++
		switch {
		case p.Outcome == fact.Open:
			open++
		case failed(p.Outcome):
			bad++
		}
	}
	return open, tried, bad
}

// inVain counts the requests to published ports and virtual IPs that failed.
func (j *judge) inVain() int {
	n := 0
	for i := range j.s.Seen.Published {
		for k := range j.s.Seen.Published[i].Requests {
			if q := &j.s.Seen.Published[i]; q.Requests[k].Outcome != fact.ProbeError && !q.Good(&q.Requests[k]) {
				n++
			}
		}
	}
	return n
}

// connections says how many were open, and who could not try.
func (j *judge) connections(r *Report) string {
	open, tried, _ := j.tally()
	ports := j.published(r)
	said := j.nameless()
	switch {
	case tried == 0 && said != "":
		return said
	case said != "":
		return fmt.Sprintf("%s; %d of %d connections open", said, open, tried)
	case tried == 0 && ports != "":
		return ports
	case tried == 0:
		return "no connection was tried"
	case len(r.Untried) == 0:
		said = fmt.Sprintf("%d of %d connections open", open, tried)
	default:
		said = fmt.Sprintf("%d of %d connections tried from %s are open; tasks of %s on %s could not try",
			open, tried, listed(j.triedFrom()), who(r.Question.From), listed(r.Untried))
	}
	if ports != "" {
		said += "; " + ports
	}
	return said
}

func who(from string) string {
	if from == "" {
		return "everyone"
	}
	return from
}

// triedFrom lists the nodes that connections were tried from.
func (j *judge) triedFrom() []string {
	var out []string
	for _, p := range j.s.Seen.TCP {
		if !slices.Contains(out, p.From.Node) {
			out = append(out, p.From.Node)
		}
	}
	slices.Sort(out)
	return out
}

// untried lists the nodes with running sources that could not try anything,
// because nobody could enter them.
func (j *judge) untried() []string {
	var out []string
	from := j.triedFrom()
	for _, e := range j.sc.From {
		if e.Running && e.NodeName != "" && !slices.Contains(from, e.NodeName) && !slices.Contains(out, e.NodeName) {
			if n := j.s.Node(e.Node); n == nil || n.Kernel == nil {
				out = append(out, e.NodeName)
			}
		}
	}
	slices.Sort(out)
	return out
}

// nodes lists the nodes that were looked at.
func (j *judge) nodes() []string {
	out := []string{}
	for _, n := range j.s.Nodes {
		out = append(out, n.Name)
	}
	return out
}

// interrupted says what the operator's stop came before; empty when there was
// none. A gap of that class which belongs to a node is a torn answer.
func interrupted(s *fact.Snapshot) string {
	for _, g := range s.Gaps {
		if g.Class == fact.ClassInterrupted && g.Kind == fact.KindTCP && g.Node == "" {
			return g.Reason
		}
	}
	return ""
}
