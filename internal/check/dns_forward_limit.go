package check

import (
	"cmp"
	"fmt"

	"fairway/internal/fact"
)

// DNSForwardLimit finds nodes where a container asks for more outside names at
// once than its resolver passes on.
var DNSForwardLimit = &Check{
	ID:    "dns-forward-limit",
	Title: "a container asks for more outside names at once than its resolver passes on",
	Doc: Doc{
		Symptom: "Under load, names outside the Swarm fail in bursts (REFUSED, EAI_AGAIN, \"Temporary failure in name resolution\") in one container; names of services go on.",
		Cause: "The engine's resolver passes on at most 100 questions at once for each container (1024 since 20.10); each is held for up to 4 s a server, three servers. When the servers outside are slow or silent, the places are taken, and what comes then is refused at once. " +
			"The engine says so in its log, every few seconds at most.",
		ByHand: "`journalctl -u docker --since -15min | grep 'concurrent queries'`. In the container `dig @127.0.0.11 example.com` in a loop: status REFUSED after 0 ms.",
		Relief: "Make the servers outside answer, or ask others: `docker service update --dns-add SERVER SERVICE`.",
		Fix:    "Let the program remember answers (nscd, a caching resolver beside it, keep-alive connections); end outside names with a dot, so that no search domain is tried; use servers near by.",
	},
	Needs:   []fact.Kind{fact.KindLogs},
	Because: []string{"dns-upstream-unreachable", "egress-gwbridge-broken"},
	Claims:  noConnect,
	Names:   true,
	Run:     forwardLimit,
}

// forwardLimit rests on the log alone: nothing else tells of it, and the engine
// says it of itself (reference: dns-forward-limit, Detect).
func forwardLimit(in *In) []Finding {
	var out []Finding
	for _, n := range in.logged() {
		lines := in.said(n, "dns-forward-limit")
		if len(lines) == 0 {
			continue
		}
		most := lines[len(lines)-1].Count
		f := Finding{Certainty: Strong, Node: n.Name, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID}, Recurring: true, Only: Leaving, Impact: "all tasks of the service",
			Message:  fmt.Sprintf("a container on %s asks for more than %d outside names at once: the engine refuses the rest", n.Name, cmp.Or(most, 100)),
			Evidence: []Evidence{quoteLog(logOf(n), "no question refused", lines)},
			Confirm:  fmt.Sprintf("on %s: journalctl -u docker --since -15min | grep 'concurrent queries'", n.Name)}
		out = append(out, f)
	}
	return out
}
