package expect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// OwnRule is a rule that the engine writes into a host once, when it starts or
// makes a bridge, and never again.
type OwnRule struct {
	// What it is, in a few words.
	What string
	// Commands put it back as the engine writes it, chain included; without the
	// name of the program.
	Commands []string
}

// OwnRules are what a host should hold of the engine's, with what is missing.
type OwnRules struct {
	// Backend is where the engine writes: its chains are there, or were in the
	// namespaces of containers.
	Backend fact.Backend
	// Chains: a chain of the engine's is there, be it empty; DOCKER-INGRESS does
	// not count, for an engine that was told to leave rules alone writes that too
	// (iptables=false, libnetwork up to 28).
	Chains bool
	// Inside is how many namespaces of containers and balancers have the rules of
	// their resolver, and Of how many could.
	Inside, Of int
	Missing    []OwnRule
	// Expected is how many were looked for.
	Expected int
}

// HostOwnRules compares a host's rules with what its engine writes for itself and
// for the gateway bridge (20.10 to 29 with iptables). The engine's own nf_tables
// backend (29, firewall-backend) has other names: nothing is missing then, and
// nothing was expected.
func HostOwnRules(n *fact.Node) OwnRules {
	host := n.Kernel.Host()
	out := OwnRules{Backend: EngineBackend(host)}
	out.Inside, out.Of = resolversInside(n)
	out.Chains = slices.ContainsFunc(host.Netfilter.Tables, func(t fact.RuleTable) bool { return t.Family == "ip" && ownChains(&t) })
	if inside := insideBackend(n); !out.Chains && inside != "" {
		out.Backend = inside
	}
	if slices.ContainsFunc(host.Netfilter.Tables, func(t fact.RuleTable) bool { return strings.HasPrefix(t.Name, "docker-") }) {
		return out
	}
	nat, filter := host.Netfilter.Table(out.Backend, "ip", "nat"), host.Netfilter.Table(out.Backend, "ip", "filter")
	want := func(there bool, what string, commands ...string) {
		out.Expected++
		if !there {
			out.Missing = append(out.Missing, OwnRule{what, commands})
		}
	}
	want(leadsTo(nat, "DOCKER", "PREROUTING"), "the chain DOCKER of nat, or the jump to it",
		chain(nat, "nat", "DOCKER"), "-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER", "-t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER")
	want(leadsTo(filter, "DOCKER-USER", "FORWARD"), "the jump to DOCKER-USER", chain(filter, "filter", "DOCKER-USER"), "-I FORWARD -j DOCKER-USER")
	if net := GatewayNetwork(n); net != nil && host.LinkNamed(GatewayBridge) != nil && !net.Internal {
		for _, s := range net.Subnets {
			if rule := masquerade(s); rule != "" && !net.NoMasquerade {
				want(Masqueraded(host, s) != No, "MASQUERADE for "+s.Prefix.String(), "-t nat "+rule)
			}
		}
		want(letsOut(filter), "the ACCEPT for what leaves "+GatewayBridge, forwards()...)
	}
	return out
}

// ownChains: a table has a chain that only an engine makes, and for itself.
func ownChains(t *fact.RuleTable) bool {
	return slices.ContainsFunc(t.Chains, func(c fact.Chain) bool {
		return c.Name == "DOCKER" || strings.HasPrefix(c.Name, "DOCKER-") && c.Name != ingressChain
	})
}

// chain is the command that makes a chain; empty where it is there.
func chain(t *fact.RuleTable, table, name string) string {
	if t.Chain(name) != nil {
		return ""
	}
	return fmt.Sprintf("-t %s -N %s", table, name)
}

// leadsTo reports whether a chain has a jump to another that exists.
func leadsTo(t *fact.RuleTable, to string, from ...string) bool {
	return t.Chain(to) != nil && slices.ContainsFunc(from, func(name string) bool {
		c := t.Chain(name)
		return c != nil && slices.ContainsFunc(c.Rules, func(r fact.Rule) bool { return r.Target.Kind == fact.TargetJump && r.Target.Chain == to })
	})
}

// forwards are the rules of a bridge that forbids its containers to talk to each
// other (icc=false), as engines up to 27 write them; they work on later ones, too.
func forwards() []string {
	return []string{
		"-A FORWARD -o docker_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
		"-A FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT",
		"-A FORWARD -i docker_gwbridge -o docker_gwbridge -j DROP",
	}
}

// letsOut: FORWARD, or a chain it leads to since 28.0, accepts what comes from
// the gateway bridge.
func letsOut(filter *fact.RuleTable) bool {
	accepts := func(c *fact.Chain) bool {
		return c != nil && slices.ContainsFunc(c.Rules, func(r fact.Rule) bool {
			return r.Target.Kind == fact.TargetAccept && slices.ContainsFunc(r.Matches, func(m fact.Match) bool {
				return m.Kind == fact.MatchIn && !m.Not && m.Iface == GatewayBridge
			})
		})
	}
	return accepts(filter.Chain("FORWARD")) || accepts(filter.Chain("DOCKER-FORWARD")) && leadsTo(filter, "DOCKER-FORWARD", "FORWARD")
}

// GatewayNetwork is the engine's network behind the gateway bridge, or nil.
func GatewayNetwork(n *fact.Node) *fact.EngineNetwork {
	if n.Engine == nil {
		return nil
	}
	i := slices.IndexFunc(n.Engine.Networks, func(e fact.EngineNetwork) bool { return e.Name == GatewayBridge && e.Driver == "bridge" })
	if i < 0 {
		return nil
	}
	return &n.Engine.Networks[i]
}

// masquerade is the rule that gives what leaves a subnet the host's address;
// empty for IPv6, which the engine leaves alone unless told otherwise.
func masquerade(s fact.Subnet) string {
	if !s.Prefix.IsValid() || !s.Prefix.Addr().Is4() {
		return ""
	}
	return fmt.Sprintf("-A POSTROUTING -s %s ! -o %s -j MASQUERADE", s.Prefix, GatewayBridge)
}

// Masquerade is that rule's command, without the name of the program.
func Masquerade(s fact.Subnet) string { return "-t nat " + masquerade(s) }

// Masqueraded reports whether a rule of either backend gives what leaves a
// subnet of the gateway bridge another address, in any chain of any name; unsure
// where none does and one does something unknown.
func Masqueraded(host *fact.NetNS, s fact.Subnet) Tri {
	out := No
	for _, t := range host.Netfilter.Tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				switch k := r.Target.Kind; {
				case t.Dormant || t.Family != "ip" && t.Family != "inet" || !coversSource(&r, s):
				case k == fact.TargetMasquerade || k == fact.TargetSNAT:
					return Yes
				case k == fact.TargetOpaque && (c.Hook == "postrouting" || c.Hook == "" && t.Name == "nat"):
					out = Unsure
				}
			}
		}
	}
	return out
}

// coversSource: a rule is for all of a subnet, or for any source.
func coversSource(r *fact.Rule, s fact.Subnet) bool {
	for _, m := range r.Matches {
		switch m.Kind {
		case fact.MatchSource:
			if m.Not || !slices.ContainsFunc(m.Prefixes, func(p netip.Prefix) bool { return p.Bits() <= s.Prefix.Bits() && p.Overlaps(s.Prefix) }) {
				return false
			}
		case fact.MatchSourceType, fact.MatchProtocol, fact.MatchDestination, fact.MatchIPVS, fact.MatchMark:
			return false
		case fact.MatchOut:
			if !m.Not && m.Iface == GatewayBridge {
				return false
			}
		}
	}
	return true
}

// resolversInside counts the namespaces that have a resolver's NAT rules, which
// the engine writes there whatever it was told about the host.
func resolversInside(n *fact.Node) (have, of int) {
	for i := range n.Kernel.Namespaces {
		ns := &n.Kernel.Namespaces[i]
		if ns.Role != fact.RoleContainer && ns.Role != fact.RoleLB && ns.Role != fact.RoleIngress || ns.Netfilter == nil {
			continue
		}
		of++
		if resolverTable(ns) != nil {
			have++
		}
	}
	return have, of
}

func resolverTable(ns *fact.NetNS) *fact.RuleTable {
	i := slices.IndexFunc(ns.Netfilter.Tables, func(t fact.RuleTable) bool { return t.Name == "nat" && t.Chain("DOCKER_OUTPUT") != nil })
	if i < 0 {
		return nil
	}
	return &ns.Netfilter.Tables[i]
}

func insideBackend(n *fact.Node) fact.Backend {
	for i := range n.Kernel.Namespaces {
		if ns := &n.Kernel.Namespaces[i]; ns.Netfilter != nil && resolverTable(ns) != nil {
			return resolverTable(ns).Backend
		}
	}
	return ""
}
