package check

import (
	"slices"

	"fairway/internal/fact"
)

// anyFailure claims refusals too: somebody else answered, or the right one did
// not listen.
func anyFailure(*fact.TCPProbe) bool { return true }

// noConnect claims none: opening a connection takes small packets only.
func noConnect(*fact.TCPProbe) bool { return false }

// silence claims what no host answered; a firewall's rejection is one.
func silence(p *fact.TCPProbe) bool { return p.Outcome != fact.Refused || p.ICMP != nil }

func (c *Check) claims(p *fact.TCPProbe) bool {
	if c.Claims == nil {
		return silence(p)
	}
	return c.Claims(p)
}

// answersFor: a root cause, or what follows from it, accounts for a failed
// connection.
func (j *judge) answersFor(f *located, p *fact.TCPProbe) bool {
	return j.accountsFor(f, p) || slices.ContainsFunc(flatten(f), func(u *located) bool { return j.accountsFor(u, p) })
}

// failures are the connections that failed, and those that were not made because a
// name outside had no address.
func (j *judge) failures() []fact.TCPProbe {
	return append(slices.DeleteFunc(slices.Clone(j.s.Seen.TCP), func(p fact.TCPProbe) bool { return !failed(p.Outcome) }), j.unnamed(false)...)
}

// idle: connections failed, and the cause accounts for none of them.
func (j *judge) idle(f *located) bool {
	return !slices.ContainsFunc(j.failures(), func(p fact.TCPProbe) bool { return j.answersFor(f, &p) }) &&
		!slices.ContainsFunc(j.s.Seen.Published, func(q fact.PublishedProbe) bool { return ailing(&q) && j.answersForMesh(f, &q) })
}

// orphans counts the confirmed failures that no cause accounts for.
func (j *judge) orphans() int {
	n := 0
	for i := range j.confirmed {
		if !j.accounted(&j.confirmed[i]) {
			n++
		}
	}
	for i := range j.ports {
		if !j.accountedPort(&j.ports[i]) {
			n++
		}
	}
	return n
}

// accounted: a cause accounts for a failed connection; accountedPort, for failed
// requests.
func (j *judge) accounted(p *fact.TCPProbe) bool {
	return slices.ContainsFunc(j.causes, func(f *located) bool { return j.answersFor(f, p) })
}

func (j *judge) accountedPort(q *fact.PublishedProbe) bool {
	return slices.ContainsFunc(j.causes, func(f *located) bool { return j.answersForMesh(f, q) })
}
