package expect

import (
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// matches judges all conditions of a rule: no as soon as one is no, whatever the
// others. The reason names the first that nobody can judge.
func (w *walk) matches(r *fact.Rule) (answer Tri, why string) {
	answer = Yes
	for i := range r.Matches {
		m := &r.Matches[i]
		got := w.match(m)
		if m.Not {
			got = -got
		}
		switch {
		case got == No:
			return No, ""
		case got == Unsure && answer == Yes:
			answer, why = Unsure, "whether “"+name(m)+"” holds is not known"
		}
	}
	return answer, why
}

// name is how a match is spoken of.
func name(m *fact.Match) string {
	if m.Kind == fact.MatchOpaque || m.Kind == fact.MatchLimit || m.Kind == fact.MatchSet {
		return strings.TrimSpace(string(m.Kind) + " " + m.Text)
	}
	return string(m.Kind)
}

// match judges one condition, not yet inverted.
func (w *walk) match(m *fact.Match) Tri {
	p := &w.packet
	switch m.Kind {
	case fact.MatchComment:
		return Yes
	case fact.MatchSource:
		return within(p.Src, m)
	case fact.MatchDestination:
		return within(p.Dst, m)
	case fact.MatchIn:
		return tri(sameLink(m.Iface, p.In))
	case fact.MatchOut:
		return tri(sameLink(m.Iface, p.Out))
	case fact.MatchProtocol:
		return tri(m.Proto == 0 || m.Proto == p.Proto)
	case fact.MatchFamily:
		return tri((m.Text == "ipv4") == (p.Dst.Is4() || p.Dst.Is4In6()))
	case fact.MatchFragment:
		return No // we ask about whole packets
	case fact.MatchSourceType:
		return w.ofType(p.Src, m)
	case fact.MatchDestinationType:
		return w.ofType(p.Dst, m)
	case fact.MatchSet:
		return inSet(m, p)
	}
	return w.matchMore(m)
}

// matchMore judges what looks beyond addresses and interfaces.
func (w *walk) matchMore(m *fact.Match) Tri {
	p := &w.packet
	switch m.Kind {
	case fact.MatchSourcePort:
		return portIn(p.SrcPort, m.Ports, p)
	case fact.MatchDestinationPort:
		return portIn(p.DstPort, m.Ports, p)
	case fact.MatchPort:
		return max(portIn(p.SrcPort, m.Ports, p), portIn(p.DstPort, m.Ports, p))
	case fact.MatchTCPFlags:
		return tri(p.Proto == 6 && uint32(p.Flags)&m.Mask == m.Value)
	case fact.MatchICMPType:
		return No // we ask about tcp, udp and sctp
	case fact.MatchState:
		return inState(p.State, m.States)
	case fact.MatchMark:
		if p.MarkUnsure {
			return Unsure
		}
		return tri(p.Mark&m.Mask == m.Value)
	case fact.MatchIPVS:
		return p.IPVS
	case fact.MatchPolicy:
		return policy(m.Text, p.IPsec)
	case fact.MatchVNI:
		return tri(p.VNI != 0 && p.VNI == m.Value)
	}
	return Unsure
}

// sameLink compares interface names as iptables does: "eth+" is any that begins so.
func sameLink(want, got string) bool {
	if head, wild := strings.CutSuffix(want, "+"); wild {
		return got != "" && strings.HasPrefix(got, head) || want == "+"
	}
	return want == got
}

func within(a netip.Addr, m *fact.Match) Tri {
	if !a.IsValid() {
		return Unsure
	}
	for _, p := range m.Prefixes {
		if p.Contains(a) {
			return Yes
		}
	}
	for _, r := range m.Ranges {
		if r.First.Compare(a) <= 0 && a.Compare(r.Last) <= 0 {
			return Yes
		}
	}
	return No
}

// portIn is no for protocols without ports, and unsure where the kernel chose the port (0).
func portIn(port uint16, in []fact.PortRange, p *Packet) Tri {
	if p.Proto != 6 && p.Proto != 17 && p.Proto != 132 {
		return No
	}
	whole := slices.ContainsFunc(in, func(r fact.PortRange) bool { return r.First == 0 && r.Last == 65535 })
	if port == 0 && !whole {
		return Unsure
	}
	return tri(whole || slices.ContainsFunc(in, func(r fact.PortRange) bool { return r.First <= port && port <= r.Last }))
}

// inState knows conntrack's states; whether a connection was translated it does not.
func inState(state string, any []string) Tri {
	if state == "" {
		return Unsure
	}
	if slices.Contains(any, state) {
		return Yes
	}
	if slices.Contains(any, "DNAT") || slices.Contains(any, "SNAT") {
		return Unsure
	}
	return No
}

func policy(text string, ipsec Tri) Tri {
	if strings.HasSuffix(text, " none") {
		return -ipsec
	}
	if strings.HasSuffix(text, " ipsec") {
		return ipsec
	}
	return Unsure
}

// inSet looks an address up in what a set held. Sets of pairs are not judged.
func inSet(m *fact.Match, p *Packet) Tri {
	_, direction, _ := strings.Cut(m.Text, " ")
	a := p.Dst
	switch direction {
	case "src":
		a = p.Src
	case "dst":
	default:
		return Unsure
	}
	in := slices.ContainsFunc(m.Members, func(q netip.Prefix) bool { return q.Contains(a) })
	if in || m.Whole && a.IsValid() {
		return tri(in)
	}
	return Unsure
}

// ofType judges an address type by the namespace's own addresses. It knows
// LOCAL, BROADCAST, MULTICAST and UNICAST; other types are not judged.
func (w *walk) ofType(a netip.Addr, m *fact.Match) Tri {
	if !a.IsValid() || m.Iface != "" || len(w.ns.Links) == 0 {
		return Unsure
	}
	if slices.Contains(m.States, addrType(w.ns, a)) {
		return Yes
	}
	for _, s := range m.States {
		if !slices.Contains([]string{"LOCAL", "BROADCAST", "MULTICAST", "UNICAST"}, s) {
			return Unsure
		}
	}
	return No
}

// addrType is the kernel's type of an address, seen from a namespace.
func addrType(ns *fact.NetNS, a netip.Addr) string {
	switch {
	case a.IsMulticast():
		return "MULTICAST"
	case a.IsLoopback():
		return "LOCAL"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "BROADCAST"
	}
	for i := range ns.Links {
		for _, p := range ns.Links[i].Addrs {
			switch {
			case p.Addr() == a:
				return "LOCAL"
			case a.Is4() && p.Addr().Is4() && p.Bits() < 31 && p.Contains(a) && a == last(p):
				return "BROADCAST"
			}
		}
	}
	return "UNICAST"
}

// last is the highest address of an IPv4 prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}
