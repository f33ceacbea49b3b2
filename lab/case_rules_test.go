package lab_test

import (
	"slices"
	"strings"
	"testing"

	"fairway/internal/fact"
)

// rules lists a table of packet rules as support.sh does, and holds each chain
// against the case: its policy, and of each rule target and interfaces, in that
// order. (TestRulesAreWhatTheToolsSay compares them word by word.)
func rules(table string, roles ...fact.NSRole) func(*testing.T, *kept) {
	return listing(func(t *testing.T, ns *fact.NetNS, out string) int {
		chains := printedChains(out)
		for _, c := range chains {
			at := heldChain(ns, table, c.name)
			switch {
			case at == nil && c.policy == "ACCEPT" && len(c.rules) == 0:
				// The tool prints chains of tables that are not there.
			case at == nil, c.policy != "" && !strings.EqualFold(at.Policy, c.policy):
				lost(t, table+" "+c.name+" "+c.policy)
			default:
				wantRules(t, at, c)
			}
		}
		return len(chains)
	}, []string{"iptables", "-w1", "-n", "-v", "-L", "-t", table}, roles...)
}

// printedChain is a chain as iptables -L prints it; a rule is its target, its
// incoming and its outgoing interface.
type printedChain struct {
	name, policy string
	rules        [][3]string
}

func printedChains(out string) []printedChain {
	var list []printedChain
	for _, f := range inWords(out) {
		switch {
		case f[0] == "Chain":
			c := printedChain{name: f[1]}
			c.policy = after(f, "(policy")
			list = append(list, c)
		case f[0] == "pkts", f[0] == "#", len(list) == 0 || len(f) < 8:
		default:
			c := &list[len(list)-1]
			i := slices.IndexFunc(f, func(w string) bool { return w == "--" || w == "-f" || w == "!f" })
			target := ""
			if i == 4 {
				target = f[2]
			}
			c.rules = append(c.rules, [3]string{target, f[i+1], f[i+2]})
		}
	}
	return list
}

// heldChain finds a chain in the case; the tool shows one backend's.
func heldChain(ns *fact.NetNS, table, chain string) *fact.Chain {
	for _, b := range []fact.Backend{fact.NFTables, fact.Legacy} {
		if c := ns.Netfilter.Table(b, "ip", table).Chain(chain); c != nil {
			return c
		}
	}
	return nil
}

// wantRules wants the printed rules among those of the case, in their order.
func wantRules(t *testing.T, held *fact.Chain, printed printedChain) {
	t.Helper()
	rest := held.Rules
	for _, p := range printed.rules {
		i := slices.IndexFunc(rest, func(r fact.Rule) bool { return printedAs(&r) == p || r.Target.Kind == fact.TargetOpaque })
		if i < 0 {
			lost(t, held.Name+": "+strings.Join(p[:], " "))
			return
		}
		rest = rest[i+1:]
	}
}

// printedAs is a rule as the tool prints it.
func printedAs(r *fact.Rule) [3]string {
	p := [3]string{string(r.Target.Kind), "*", "*"}
	if r.Target.Kind == fact.TargetJump || r.Target.Kind == fact.TargetGoto {
		p[0] = r.Target.Chain
	}
	for _, m := range r.Matches {
		name := m.Iface
		if m.Not {
			name = "!" + name
		}
		switch m.Kind {
		case fact.MatchIn:
			p[1] = name
		case fact.MatchOut:
			p[2] = name
		}
	}
	return p
}
