package cli

import (
	"fmt"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// sampled says what was tried where not every pair could be. The bounds are
// those that the documentation promises, and every task and node is source and
// target of some: it is told, and a Swarm does not become unknown by being
// large.
func sampled(p *expect.Plan) []fact.Gap {
	var out []fact.Gap
	say := func(do, format string, args ...any) {
		out = append(out, fact.Gap{Kind: fact.KindSample, Class: fact.ClassAside, Reason: fmt.Sprintf(format, args...), Do: do})
	}
	if p.Each > 0 {
		say("name one source with service.slot, or one port", "every source tried %d of %d targets, each beginning at another one: %s", p.Each, p.Of, limitOf(p))
	}
	if p.Leaving.N < p.Leaving.Of {
		say("name one source with service.slot", "%d of %d tasks tried the place outside: it is somebody else's", p.Leaving.N, p.Leaving.Of)
	}
	var parts []string
	if p.Pairs.N < p.Pairs.Of {
		parts = append(parts, fmt.Sprintf("%d of %d pairs of tasks were tried, every task in turn: %s", p.Pairs.N, p.Pairs.Of, limitOf(p)))
	}
	if p.Names.N < p.Names.Of {
		parts = append(parts, fmt.Sprintf("%d of %d look-ups of services were made, some from every task", p.Names.N, p.Names.Of))
	}
	if parts != nil {
		say("`fairway check SERVICE` tries the pairs of one service", "%s", strings.Join(parts, "; "))
	}
	if p.Hosts.N < p.Hosts.Of {
		say("", "every node connected to the ports of %d of %d others, those that follow it by name", p.Hosts.N, p.Hosts.Of)
	}
	if p.Requests.N < p.Requests.Of {
		say("`fairway diagnose :PORT` asks for one port", "%d of %d requests to published ports and to the tasks behind them were made: %s", p.Requests.N, p.Requests.Of, limitOf(&expect.Plan{}))
	}
	return out
}

// limitOf says what left pairs out.
func limitOf(p *expect.Plan) string {
	if p.Crowded {
		return "more would fill half of some host's neighbour table (net.ipv4.neigh.default.gc_thresh3)"
	}
	return fmt.Sprintf("%d connections are the limit of one run", expect.MaxTCP)
}
