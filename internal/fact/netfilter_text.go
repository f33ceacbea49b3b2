package fact

import (
	"fmt"
	"net/netip"
	"strings"
)

// Line spells a rule as iptables-save does: "-A INPUT -s 10.0.0.0/8 -p tcp -m
// tcp --dport 80 -j ACCEPT". What has no spelling there stands in brackets.
func (r Rule) Line(chain string) string {
	parts := []string{"-A " + chain}
	proto := r.proto()
	said := ""
	for _, m := range r.Matches {
		if module := m.module(proto); module != "" && module != said {
			parts = append(parts, "-m "+module)
			said = module
		}
		parts = append(parts, m.spell(proto))
	}
	if t := r.Target.String(); t != "" {
		parts = append(parts, t)
	}
	return strings.Join(parts, " ")
}

// proto is the protocol a rule is about; 0 for any.
func (r Rule) proto() uint8 {
	for _, m := range r.Matches {
		if m.Kind == MatchProtocol && !m.Not {
			return m.Proto
		}
	}
	return 0
}

// protocols are those iptables has names for.
var protocols = map[uint8]string{
	1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 50: "esp", 51: "ah", 58: "ipv6-icmp", 132: "sctp", 135: "mh", 136: "udplite",
}

// options are the words for matches that have one argument.
var options = map[MatchKind]string{
	MatchSource: "-s", MatchDestination: "-d", MatchIn: "-i", MatchOut: "-o", MatchProtocol: "-p", MatchFragment: "-f",
	MatchSourcePort: "--sport", MatchDestinationPort: "--dport", MatchPort: "--port", MatchTCPFlags: "--tcp-flags",
	MatchICMPType: "--icmp-type", MatchState: "--ctstate", MatchMark: "--mark", MatchConnMark: "--mark",
	MatchSourceType: "--src-type", MatchDestinationType: "--dst-type", MatchIPVS: "--ipvs", MatchPolicy: "--dir",
	MatchLimit: "--limit", MatchPhysIn: "--physdev-in", MatchPhysOut: "--physdev-out", MatchSet: "--match-set",
	MatchComment: "--comment",
}

// modules are what iptables loads with -m for a match.
var modules = map[MatchKind]string{
	MatchState: "conntrack", MatchMark: "mark", MatchConnMark: "connmark", MatchSourceType: "addrtype",
	MatchDestinationType: "addrtype", MatchIPVS: "ipvs", MatchPolicy: "policy", MatchLimit: "limit",
	MatchPhysIn: "physdev", MatchPhysOut: "physdev", MatchSet: "set", MatchComment: "comment", MatchTCPFlags: "tcp",
	MatchPort: "multiport",
}

// module is the -m that a match needs in a rule about proto.
func (m Match) module(proto uint8) string {
	switch m.Kind {
	case MatchSource, MatchDestination:
		if len(m.Ranges) > 0 {
			return "iprange"
		}
	case MatchSourcePort, MatchDestinationPort:
		if len(m.Ports) != 1 {
			return "multiport"
		}
		return protocols[proto]
	case MatchICMPType:
		if proto == 58 {
			return "icmp6"
		}
		return "icmp"
	}
	return modules[m.Kind]
}

// String spells a match as iptables-save does, without its -m. What has no
// spelling there stands in brackets.
func (m Match) String() string { return m.spell(0) }

func (m Match) spell(proto uint8) string {
	word, argument := m.option(proto), m.argument()
	switch {
	case word == "":
		word = "[" + strings.TrimSpace(string(m.Kind)+" "+argument) + "]"
	case argument != "":
		word += " " + argument
	}
	if m.Not {
		word = "! " + word
	}
	return word
}

func (m Match) option(proto uint8) string {
	switch {
	case len(m.Ranges) > 0 && m.Kind == MatchSource:
		return "--src-range"
	case len(m.Ranges) > 0 && m.Kind == MatchDestination:
		return "--dst-range"
	case len(m.Ports) > 1 || m.Kind == MatchPort:
		return options[m.Kind] + "s"
	case m.Kind == MatchICMPType && proto == 58:
		return "--icmpv6-type"
	}
	return options[m.Kind]
}

// argument is what follows the option.
func (m Match) argument() string {
	switch m.Kind {
	case MatchSource, MatchDestination:
		return joined(append(prefixTexts(m.Prefixes), rangeTexts(m.Ranges)...))
	case MatchIn, MatchOut, MatchPhysIn, MatchPhysOut:
		return m.Iface
	case MatchProtocol:
		return protocolText(m.Proto)
	case MatchSourcePort, MatchDestinationPort, MatchPort:
		return joined(portTexts(m.Ports))
	case MatchTCPFlags:
		return tcpFlags(m.Mask) + " " + tcpFlags(m.Value)
	case MatchICMPType:
		return icmpText(m.Value, m.Mask)
	case MatchMark, MatchConnMark:
		return maskedText(m.Value, m.Mask)
	case MatchState:
		return joined(m.States)
	case MatchSourceType, MatchDestinationType:
		if m.Iface != "" {
			return joined(m.States) + " --limit-iface-" + m.Iface
		}
		return joined(m.States)
	case MatchPolicy:
		return strings.Replace(m.Text, " ", " --pol ", 1)
	case MatchLimit:
		return strings.Replace(m.Text, " burst ", " --limit-burst ", 1)
	case MatchComment:
		return quoted(m.Text)
	case MatchVNI:
		return fmt.Sprint(m.Value)
	}
	return m.Text
}

// String spells a target as iptables-save does; "" for none.
func (t Target) String() string {
	switch t.Kind {
	case TargetNone:
		return ""
	case TargetJump:
		return "-j " + t.Chain
	case TargetGoto:
		return "-g " + t.Chain
	case TargetOpaque:
		return "-j [" + t.Text + "]"
	}
	return strings.TrimSpace("-j " + string(t.Kind) + " " + t.argument())
}

func (t Target) argument() string {
	switch t.Kind {
	case TargetDNAT:
		return strings.TrimSpace(option("--to-destination", t.translation()) + flagged(t.Text))
	case TargetSNAT:
		return strings.TrimSpace(option("--to-source", t.translation()) + flagged(t.Text))
	case TargetMasquerade, TargetRedirect:
		return strings.TrimSpace(option("--to-ports", t.portText("-")) + flagged(t.Text))
	case TargetMark:
		return "--set-xmark " + hexPair(t.Value, t.Mask)
	case TargetConnMark:
		if t.Text != "set" {
			return fmt.Sprintf("--%s-mark --nfmask %#x --ctmask %#x", t.Text, t.Mask, t.Mask)
		}
		return "--set-xmark " + hexPair(t.Value, t.Mask)
	case TargetReject:
		return option("--reject-with", t.Text)
	case TargetLog:
		if t.Text != "" {
			return "--log-prefix " + quoted(t.Text)
		}
	case TargetQueue:
		return fmt.Sprintf("--queue-num %d", t.Value)
	case TargetTCPMSS:
		if t.Text != "" {
			return "--" + t.Text
		}
		return fmt.Sprintf("--set-mss %d", t.Value)
	}
	return ""
}

// translation is "10.0.0.1-10.0.0.9:80-90" or a part of it.
func (t Target) translation() string {
	var to string
	if t.To.First.IsValid() {
		to = rangeText(t.To)
		if ports := t.portText("-"); ports != "" && t.To.First.Is6() && !t.To.First.Is4In6() {
			to = "[" + to + "]"
		}
	}
	if ports := t.portText("-"); ports != "" {
		to += ":" + ports
	}
	return to
}

func (t Target) portText(dash string) string {
	if t.Ports == (PortRange{}) {
		return ""
	}
	return portText(t.Ports, dash)
}

func option(word, argument string) string {
	if argument == "" {
		return ""
	}
	return word + " " + argument
}

// flagged spells "random persistent" as options.
func flagged(words string) string {
	var out strings.Builder
	for _, w := range strings.Fields(words) {
		out.WriteString(" --" + w)
	}
	return out.String()
}

func joined(words []string) string { return strings.Join(words, ",") }

func prefixTexts(all []netip.Prefix) (out []string) {
	for _, p := range all {
		out = append(out, p.String())
	}
	return out
}

func rangeTexts(all []AddrRange) (out []string) {
	for _, r := range all {
		out = append(out, r.First.String()+"-"+r.Last.String())
	}
	return out
}

func rangeText(r AddrRange) string {
	if r.First == r.Last || !r.Last.IsValid() {
		return r.First.String()
	}
	return r.First.String() + "-" + r.Last.String()
}

func portTexts(all []PortRange) (out []string) {
	for _, r := range all {
		out = append(out, portText(r, ":"))
	}
	return out
}

func portText(r PortRange, dash string) string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d%s%d", r.First, dash, r.Last)
}

func protocolText(number uint8) string {
	if s := protocols[number]; s != "" {
		return s
	}
	return fmt.Sprint(number)
}

func icmpText(kind, codes uint32) string {
	switch low, high := codes>>8, codes&0xff; {
	case low == 0 && high == 0xff:
		return fmt.Sprint(kind)
	case low == high:
		return fmt.Sprintf("%d/%d", kind, low)
	default:
		return fmt.Sprintf("%d/%d-%d", kind, low, high)
	}
}

// tcpFlagNames are TCP's flags from the lowest bit on.
var tcpFlagNames = []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}

func tcpFlags(bits uint32) string {
	var out []string
	for i, name := range tcpFlagNames {
		if bits>>i&1 == 1 {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return "NONE"
	}
	return joined(out)
}

func maskedText(value, mask uint32) string {
	if mask == ^uint32(0) {
		return fmt.Sprintf("%#x", value)
	}
	return hexPair(value, mask)
}

func hexPair(value, mask uint32) string { return fmt.Sprintf("%#x/%#x", value, mask) }

// quoted puts what is more than one plain word into quotes.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
	}
	if s != "" && strings.TrimLeftFunc(s, plain) == "" {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`).Replace(s) + `"`
}
