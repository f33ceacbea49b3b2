package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/fact"
)

// shutOut is a node that a place does not let in, and how.
type shutOut struct {
	Finding
	Refused, Silent bool
	// SilentAt is the first place that did not answer.
	SilentAt netip.AddrPort
}

func (s *shutOut) told(place, whom string) string {
	if s.Refused && !s.Silent {
		return fmt.Sprintf("%s refuses %s, too: nobody listens there, or somebody there rejects; the cause is not in the Swarm", place, whom)
	}
	return fmt.Sprintf("%s does not answer %s either: the cause is there or on the way, not in the Swarm", place, whom)
}

// shutOut adds a connection that ended alike from a task and from its node.
func (in *In) shutOut(list []shutOut, p *fact.TCPProbe, h *fact.PeerProbe) []shutOut {
	i := slices.IndexFunc(list, func(s shutOut) bool { return s.Node == p.From.Node })
	if i < 0 {
		id := nodeNamed(in.Snapshot, p.From.Node)
		i, list = len(list), append(list, shutOut{Finding: Finding{Certainty: Strong, Node: p.From.Node, Subject: in.NodeSubject(id), Only: Leaving, Impact: ImpactNone, Probed: true,
			Nodes: []fact.NodeID{id}, Confirm: fmt.Sprintf("on %s: nc -vz %s %d", p.From.Node, p.Target.Addr(), p.Target.Port())}})
	}
	f := &list[i]
	if p.Outcome != fact.Refused && !f.Silent {
		f.SilentAt = p.Target
	}
	f.Refused, f.Silent = f.Refused || p.Outcome == fact.Refused, f.Silent || p.Outcome != fact.Refused
	if p.From.Task != "" && !slices.Contains(f.Tasks, p.From.Task) {
		f.Tasks = append(f.Tasks, p.From.Task)
	}
	if !slices.Contains(f.Places, p.Target) {
		f.Places = append(f.Places, p.Target)
		f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("%s on %s → %s", in.senderName(&p.From), p.From.Node, p.Target), string(fact.Open), endOf(p.Outcome, p.Err, p.ICMP)},
			Evidence{fmt.Sprintf("%s itself → %s", p.From.Node, p.Target), string(fact.Open), endOf(h.Outcome, h.Err, h.ICMP)})
	}
	return list
}
