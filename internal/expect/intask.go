package expect

import (
	"net/netip"

	"fairway/internal/fact"
)

// TaskArrival is what the rules inside a task do with a published port's new
// connection, which comes balanced and with an ingress sandbox's address.
type TaskArrival struct {
	// Pre redirects the published port to the target port; Input accepts it.
	Pre, Input Walked
	// Own says that Input's answer is one of the engine's own rules: those that
	// drop every other port of the ingress address.
	Own bool
}

// ArriveInTask walks a published port's packet into a task. The reason says why
// it could not be walked.
func ArriveInTask(ns *fact.NetNS, p *Published, at netip.Addr) (TaskArrival, string) {
	l := ns.LinkWith(at)
	if l == nil {
		return TaskArrival{}, "no interface has its ingress address"
	}
	packet := Packet{Src: neighbourOf(at), Dst: at, Proto: ProtoNumber(p.Port.Proto), SrcPort: 40000, DstPort: p.Port.Published, Flags: 2,
		In: l.Name, State: "NEW", IPVS: No, IPsec: No}
	out := TaskArrival{Pre: Walk(ns, "prerouting", packet)}
	if out.Pre.Fate != Accepted {
		return out, ""
	}
	to := out.Pre.Packet
	to.Dst = at // REDIRECT leads to the interface's own address
	out.Input = Walk(ns, "input", to)
	out.Own = out.Input.By != nil && out.Input.By.Rule != nil && engines(out.Input.By.Rule, at)
	return out, ""
}

// engines: the engine's drop names the ingress address, a protocol and nothing else.
func engines(r *fact.Rule, at netip.Addr) bool {
	var here, proto bool
	for _, m := range r.Matches {
		switch m.Kind {
		case fact.MatchDestination:
			here = len(m.Prefixes) == 1 && m.Prefixes[0] == netip.PrefixFrom(at, at.BitLen())
		case fact.MatchProtocol:
			proto = true
		default:
			return false
		}
	}
	return here && proto
}

// neighbourOf is some other address of the same network.
func neighbourOf(a netip.Addr) netip.Addr {
	if p := a.Prev(); p.IsValid() {
		return p
	}
	return a.Next()
}
