package expect

import (
	"fairway/internal/fact"
)

// tables are the tables of a name that are in force in a namespace, of both
// backends.
func tables(ns *fact.NetNS, name string) []*fact.RuleTable {
	if ns == nil || ns.Netfilter == nil {
		return nil
	}
	var out []*fact.RuleTable
	for i := range ns.Netfilter.Tables {
		if t := &ns.Netfilter.Tables[i]; t.Family == "ip" && t.Name == name && !t.Dormant {
			out = append(out, t)
		}
	}
	return out
}

// Mentions reports whether a rule is for this protocol and destination port,
// and for no other.
func Mentions(r *fact.Rule, proto string, port uint16) bool {
	var byProto, byPort bool
	for _, m := range r.Matches {
		switch m.Kind {
		case fact.MatchProtocol:
			byProto = !m.Not && m.Proto == ProtoNumber(proto)
		case fact.MatchDestinationPort:
			byPort = !m.Not && len(m.Ports) == 1 && m.Ports[0] == (fact.PortRange{First: port, Last: port})
		}
	}
	return byProto && byPort
}

// ProtoNumber is the IP protocol's number of "tcp", "udp" or "sctp"; 0 for others.
func ProtoNumber(name string) uint8 {
	return map[string]uint8{"tcp": 6, "udp": 17, "sctp": 132}[name]
}

// IngressDNAT is the rule of a published port in the host's nat table, in the
// chain where its engine puts it; nil when there is none or the rules were not
// read.
func IngressDNAT(n *fact.Node, p *Published) *fact.Rule {
	host := n.Kernel.Host()
	if host == nil || host.Netfilter == nil {
		return nil
	}
	c := HostIngress(host).NAT
	if c == nil {
		return nil
	}
	for i := range c.Rules {
		if r := &c.Rules[i]; r.Target.Kind == fact.TargetDNAT && Mentions(r, p.Port.Proto, p.Port.Published) {
			return r
		}
	}
	return nil
}

// IngressMark is the rule that marks a published port's packets in the ingress
// sandbox: the last that fits, because marking does not end the chain.
func IngressMark(n *fact.Node, p *Published) *fact.Rule {
	var out *fact.Rule
	for _, t := range tables(IngressSandbox(n), "mangle") {
		if c := t.Chain("PREROUTING"); c != nil {
			for i := range c.Rules {
				if r := &c.Rules[i]; r.Target.Kind == fact.TargetMark && Mentions(r, p.Port.Proto, p.Port.Published) {
					out = r
				}
			}
		}
	}
	return out
}

// IngressVirtual is the virtual service behind the mark of a published port, or nil.
func IngressVirtual(n *fact.Node, p *Published) *fact.VirtualService {
	r, ns := IngressMark(n, p), IngressSandbox(n)
	if r == nil || ns == nil {
		return nil
	}
	return ns.IPVS.Service("ip", r.Target.Value)
}
