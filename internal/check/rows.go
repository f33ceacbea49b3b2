package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// probes lists every TCP attempt, with the reverse look-up of a failed address.
func (j *judge) probes() []Probe {
	out := []Probe{}
	for _, p := range j.s.Seen.TCP {
		row := Probe{From: j.name(p.From.Task, p.From.Container), FromNode: p.From.Node, To: j.targetName(&p),
			Address: p.Target.Addr().String(), Port: p.Target.Port(), Proto: "tcp", Outcome: p.Outcome,
			RTTUS: p.RTT.Microseconds(), Tries: p.Tries, Error: p.Err, Network: expect.NetworkName(j.s, p.Network)}
		if t := j.s.Wanted.Task(p.To); t != nil {
			row.ToNode = expect.NodeName(j.s, t.Node)
		}
		if p.Outcome != fact.Open {
			row.PTR = j.ptr(p.From, p.Target.Addr())
		}
		out = append(out, row)
	}
	return out
}

func (j *judge) ptr(from fact.Source, a netip.Addr) []string {
	for _, d := range j.s.Seen.DNS {
		if d.Type == "PTR" && d.From.NetNS == from.NetNS && d.From.Node == from.Node && d.Name == a.String() {
			return d.Names
		}
	}
	return nil
}

func (j *judge) lookups() []Lookup {
	out := []Lookup{}
	for _, d := range j.s.Seen.DNS {
		row := Lookup{From: j.name(d.From.Task, d.From.Container), FromNode: d.From.Node, Server: d.Server.String(),
			Name: d.Name, Type: d.Type, Outcome: d.Outcome, RCode: d.RCode, RTTUS: d.RTT.Microseconds(), Answers: d.Names}
		for _, a := range d.Addrs {
			row.Answers = append(row.Answers, a.String())
		}
		out = append(out, row)
	}
	return out
}

func (j *judge) ladders() []Ladder {
	var out []Ladder
	for _, m := range j.s.Seen.MTU {
		row := Ladder{From: j.name(m.From.Task, m.From.Container), FromNode: m.From.Node, To: j.name(m.To, ""),
			Network: expect.NetworkName(j.s, m.Network), MTU: m.MTU, Passed: m.Passed, Failed: m.Failed}
		if t := j.s.Wanted.Task(m.To); t != nil {
			row.ToNode = expect.NodeName(j.s, t.Node)
		}
		out = append(out, row)
	}
	return out
}

func (j *judge) peers() []PeerConnect {
	var out []PeerConnect
	for _, p := range j.s.Seen.Peers {
		out = append(out, PeerConnect{FromNode: p.Node, ToNode: expect.NodeName(j.s, p.Peer), Address: p.Target.String(),
			What: p.What, Outcome: p.Outcome, RTTUS: p.RTT.Microseconds()})
	}
	return out
}

func (j *judge) gaps() []Gap {
	out := []Gap{}
	list := slices.Clone(j.s.Gaps)
	slices.SortStableFunc(list, func(a, b fact.Gap) int { return strings.Compare(a.Node, b.Node) })
	for _, g := range list {
		what := string(g.Kind)
		if g.NetNS != "" {
			what = fmt.Sprintf("%s in %s", what, g.NetNS)
		}
		out = append(out, Gap{Node: g.Node, What: what, Reason: g.Reason, Do: g.Do, Aside: g.Class == fact.ClassAside})
	}
	out = append(out, j.unmade()...)
	slices.SortStableFunc(out, func(a, b Gap) int { return strings.Compare(a.Node, b.Node) })
	return out
}
