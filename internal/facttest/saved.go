package facttest

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"fairway/internal/fact"
)

// Saved reads the words of `iptables-save -c` (family "ip") or `ip6tables-save
// -c` (family "ip6"). It knows what engines and common firewalls write, and
// panics on anything else: a test must not stand on a rule half read.
func Saved(backend fact.Backend, family, text string) []fact.RuleTable {
	var out []fact.RuleTable
	var t *fact.RuleTable
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "", line == "COMMIT", line[0] == '#':
		case line[0] == '*':
			out = append(out, fact.RuleTable{Backend: backend, Family: family, Name: line[1:]})
			t = &out[len(out)-1]
		case line[0] == ':':
			t.Chains = append(t.Chains, savedChain(t.Name, strings.Fields(line[1:])))
		default:
			savedRule(t, split(line))
		}
	}
	slices.SortFunc(out, func(a, b fact.RuleTable) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// priorities are those of xtables, by table.
var priorities = map[string]int{"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}

func savedChain(table string, f []string) fact.Chain {
	c := fact.Chain{Name: f[0]}
	if f[1] == "-" {
		return c
	}
	c.Hook, c.Type, c.Policy, c.Priority = strings.ToLower(f[0]), "filter", strings.ToLower(f[1]), priorities[table]
	switch {
	case table == "nat":
		c.Type = "nat"
		if c.Hook == "postrouting" || c.Hook == "input" {
			c.Priority = 100
		}
	case table == "mangle" && c.Hook == "output":
		c.Type = "route"
	}
	c.Hits = hits(f[2])
	return c
}

// hits reads "[12:3456]".
func hits(s string) fact.Hits {
	packets, bytes, ok := strings.Cut(strings.Trim(s, "[]"), ":")
	if !ok {
		panic("not a counter: " + s)
	}
	return fact.Hits{Counted: true, Packets: numeral(packets, 64), Bytes: numeral(bytes, 64)}
}

// split cuts a line into words; quotes hold spaces together.
func split(line string) []string {
	var out []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] == '"' {
			word, rest, _ := strings.Cut(line[1:], `"`)
			out, line = append(out, word), rest
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		out, line = append(out, word), rest
	}
	return out
}

func savedRule(t *fact.RuleTable, words []string) {
	r := fact.Rule{}
	if strings.HasPrefix(words[0], "[") {
		r.Hits, words = hits(words[0]), words[1:]
	}
	c := t.Chain(words[1])
	words = words[2:]
	p := ruleWords{rule: &r, family: t.Family}
	for len(words) > 0 {
		if p.not = words[0] == "!"; p.not {
			words = words[1:]
		}
		words = words[1+p.option(words[0], words[1:]):]
	}
	r.Number = len(c.Rules) + 1
	c.Rules = append(c.Rules, r)
}

// ruleWords is a rule while its words are read.
type ruleWords struct {
	rule   *fact.Rule
	family string
	not    bool
}

func (p *ruleWords) match(m fact.Match) {
	m.Not = p.not
	p.rule.Matches = append(p.rule.Matches, m)
}

// kinds are the matches of options that differ in nothing else.
var kinds = map[string]fact.MatchKind{"-s": fact.MatchSource, "-d": fact.MatchDestination, "-i": fact.MatchIn, "-o": fact.MatchOut,
	"--dport": fact.MatchDestinationPort, "--sport": fact.MatchSourcePort, "--dports": fact.MatchDestinationPort, "--sports": fact.MatchSourcePort,
	"--src-type": fact.MatchSourceType, "--dst-type": fact.MatchDestinationType, "--ctstate": fact.MatchState, "--state": fact.MatchState}

// option reads one option and says how many words belong to it.
func (p *ruleWords) option(o string, a []string) int {
	switch k := kinds[o]; o {
	case "-s", "-d":
		p.match(fact.Match{Kind: k, Prefixes: []netip.Prefix{prefix(a[0])}})
	case "-i", "-o":
		p.match(fact.Match{Kind: k, Iface: a[0]})
	case "-p":
		p.match(fact.Match{Kind: fact.MatchProtocol, Proto: protos[a[0]]})
	case "--dport", "--sport", "--dports", "--sports":
		p.match(fact.Match{Kind: k, Ports: portRanges(a[0], ":")})
	case "--src-type", "--dst-type", "--ctstate", "--state":
		p.match(fact.Match{Kind: k, States: states(a[0])})
	case "--mark":
		m := fact.Match{Kind: fact.MatchMark}
		m.Value, m.Mask = masked(a[0])
		p.match(m)
	case "--ipvs":
		p.match(fact.Match{Kind: fact.MatchIPVS})
		return 0
	case "--comment":
		p.match(fact.Match{Kind: fact.MatchComment, Text: a[0]})
	case "--dir": // --dir in --pol none
		p.match(fact.Match{Kind: fact.MatchPolicy, Text: a[0] + " " + a[2]})
		return 3
	case "--match-set":
		p.match(fact.Match{Kind: fact.MatchSet, Text: a[0] + " " + a[1]})
		return 2
	case "-m": // its own options say what it looks at
	default:
		return p.target(o, a)
	}
	return 1
}

// target reads an option of a target.
func (p *ruleWords) target(o string, a []string) int {
	t := &p.rule.Target
	switch o {
	case "-j", "-g":
		t.Kind = fact.TargetKind(a[0])
		if !knownTargets[t.Kind] {
			t.Kind, t.Chain = map[string]fact.TargetKind{"-j": fact.TargetJump, "-g": fact.TargetGoto}[o], a[0]
		}
		if t.Kind == fact.TargetReject {
			t.Text = map[string]string{"ip": "icmp-port-unreachable", "ip6": "icmp6-port-unreachable"}[p.family]
		}
	case "--to-destination", "--to-source":
		to, port, _ := strings.Cut(a[0], ":")
		if to != "" { // ":53" keeps the address
			ip := netip.MustParseAddr(to)
			t.To = fact.AddrRange{First: ip, Last: ip}
		}
		if port != "" {
			t.Ports = portRanges(port, "-")[0]
		}
	case "--to-ports":
		t.Ports = portRanges(a[0], "-")[0]
	case "--set-xmark":
		t.Value, t.Mask = masked(a[0])
	case "--reject-with", "--log-prefix":
		t.Text = a[0]
	default:
		panic("facttest.Saved does not know " + o)
	}
	return 1
}

var (
	knownTargets = map[fact.TargetKind]bool{fact.TargetAccept: true, fact.TargetDrop: true, fact.TargetReject: true, fact.TargetReturn: true, fact.TargetDNAT: true,
		fact.TargetSNAT: true, fact.TargetMasquerade: true, fact.TargetRedirect: true, fact.TargetMark: true, fact.TargetLog: true}
	protos = map[string]uint8{"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "sctp": 132}
	// order is in which the kernel's bits name conntrack's states.
	order = []string{"INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT"}
)

func states(list string) []string {
	out := strings.Split(list, ",")
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(slices.Index(order, a), slices.Index(order, b)) })
	return out
}

func prefix(s string) netip.Prefix {
	if strings.Contains(s, "/") {
		return netip.MustParsePrefix(s)
	}
	a := netip.MustParseAddr(s)
	return netip.PrefixFrom(a, a.BitLen())
}

func portRanges(list, dash string) []fact.PortRange {
	var out []fact.PortRange
	for _, s := range strings.Split(list, ",") {
		first, last, ok := strings.Cut(s, dash)
		if !ok {
			last = first
		}
		out = append(out, fact.PortRange{First: uint16(numeral(first, 16)), Last: uint16(numeral(last, 16))})
	}
	return out
}

// masked reads "0x100/0xffffffff", the mask being all where it is left out.
func masked(s string) (value, mask uint32) {
	v, m, ok := strings.Cut(s, "/")
	if !ok {
		m = "0xffffffff"
	}
	return uint32(numeral(v, 32)), uint32(numeral(m, 32))
}

func numeral(s string, bits int) uint64 {
	n, err := strconv.ParseUint(s, 0, bits)
	if err != nil {
		panic(err)
	}
	return n
}
