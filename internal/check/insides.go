package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// fromOn is an address on a network that the question's connections come from,
// other than the one they go to; not valid where nobody has one.
func (in *In) fromOn(net fact.NetworkID, to netip.Addr) netip.Addr {
	for i := range in.Scope.From {
		if a := in.Scope.From[i].Addr(net); a.IsValid() && a != to {
			return a
		}
	}
	return netip.Addr{}
}

// ends are those of both sides, each once: a check of the whole Swarm asks from
// everybody to everybody.
func (in *In) ends() []expect.End {
	out := slices.Clone(in.Scope.From)
	for _, e := range in.Scope.To {
		if !slices.ContainsFunc(in.Scope.From, func(o expect.End) bool { return o.Task == e.Task && o.Container == e.Container }) {
			out = append(out, e)
		}
	}
	return out
}

// droppedOnTheWayOut walks the connections that failed out of where they began.
func (in *In) droppedOnTheWayOut() []dropped {
	var out []dropped
	for _, p := range in.FailedTo("", "") {
		i := slices.IndexFunc(in.Scope.From, func(e expect.End) bool { return e.Container == p.From.Container && e.Container != "" })
		n := in.NodeNamed(p.From.Node)
		if i < 0 || n == nil || n.Kernel == nil {
			continue
		}
		ns := n.Kernel.Sandbox(p.From.Container)
		if ns == nil || ns.Role == fact.RoleHost || !in.Can(n, ns.Name, fact.KindRules, fact.KindLinks) {
			continue
		}
		e := &in.Scope.From[i]
		if w, ok := expect.Exit(ns, e.Addr(p.Network), p.Target.Addr(), "tcp", p.Target.Port()); ok && w.Stopped() {
			out = append(out, dropped{Finding{Probed: true}, e, n, ns, w.By, "tcp", p.Target.Port()})
		}
	}
	return out
}

// letPass is the command that accepts what a rule stops, at the head of the chain
// it stands in.
func letPass(ns *fact.NetNS, by *expect.Step, proto string, port uint16) string {
	if by.Family != "ip" {
		return fmt.Sprintf("nft insert rule %s %s %s %s dport %d accept", by.Family, quoted(by.Table), quoted(by.Chain), proto, port)
	}
	return fmt.Sprintf("%s -t %s -I %s -p %s --dport %d -j ACCEPT", iptablesOf(ns, by.Backend), by.Table, quoted(by.Chain), proto, port)
}
