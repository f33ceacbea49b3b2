package ipt

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fairway/internal/fact"
)

// notUnderstood are the extensions the test expects to be told as opaque, each
// with all its options.
var notUnderstood = map[string]bool{
	"mac": true, "owner": true, "length": true, "hashlimit": true, "recent": true, "statistic": true, "pkttype": true,
	"string": true, "cgroup": true, "rpfilter": true, "rt": true, "hl": true, "frag": true,
}

// opaqueTargets are the targets it expects to be told as opaque.
var opaqueTargets = map[string]bool{"NETMAP": true, "TPROXY": true, "CHECKSUM": true, "DSCP": true, "CLASSIFY": true, "TRACE": true}

// partly are options that are told as opaque, while others of their extension
// are understood.
var partly = map[string]string{
	"--tcp-option": "tcp-option", "--chunk-types": "sctp-chunk", "--ctorigdstport": "conntrack", "--ctdir": "conntrack",
	"--ctstatus": "conntrack", "--physdev-is-bridged": "physdev",
}

// differ tells the lines of one side only. Both are sorted.
func differ(t *testing.T, got, want []string) {
	t.Helper()
	for len(got) > 0 || len(want) > 0 {
		switch {
		case len(want) == 0 || len(got) > 0 && got[0] < want[0]:
			t.Errorf("read, not saved:  %s", got[0])
			got = got[1:]
		case len(got) == 0 || want[0] < got[0]:
			t.Errorf("saved, not read:  %s", want[0])
			want = want[1:]
		default:
			got, want = got[1:], want[1:]
		}
	}
}

// asRead spells tables line by line: table, chain or rule number, counters, normal
// rule.
func asRead(tables []fact.RuleTable) (out []string) {
	for _, table := range tables {
		for _, c := range table.Chains {
			policy := cmp.Or(strings.ToUpper(c.Policy), "-")
			out = append(out, fmt.Sprintf("%s chain %s %s [%d:%d]", table.Name, c.Name, policy, c.Hits.Packets, c.Hits.Bytes))
			for _, r := range c.Rules {
				out = append(out, fmt.Sprintf("%s %s %03d [%d:%d] %s", table.Name, c.Name, r.Number, r.Hits.Packets, r.Hits.Bytes, normal(r.Line(c.Name))))
			}
		}
	}
	return out
}

// asSaved spells what iptables-save -c printed in the same way.
func asSaved(text string) (out []string) {
	table, numbers := "", make(map[string]int)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "*"):
			table, numbers = line[1:], make(map[string]int)
		case strings.HasPrefix(line, ":"):
			out = append(out, table+" chain "+line[1:])
		case strings.HasPrefix(line, "["):
			hits, rule, _ := strings.Cut(line, " ")
			chain := strings.Fields(rule)[1]
			numbers[chain]++
			out = append(out, fmt.Sprintf("%s %s %03d %s %s", table, chain, numbers[chain], hits, normal(rule)))
		}
	}
	return out
}

// normal spells a rule so that two spellings of the same rule become one: its
// conditions sorted, without the -m that load extensions, in one word for what
// has several. What is not expected to be understood becomes "[opaque NAME]".
func normal(rule string) string {
	n := normalizer{tokens: tokens(rule)}
	for len(n.tokens) > 0 {
		n.take()
	}
	slices.Sort(n.terms)
	return strings.Join(slices.Compact(n.terms), " ; ")
}

type normalizer struct {
	tokens []string
	module string // of the last -m, or -j and the target
	terms  []string
}

var token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\[(?:opaque|vni)[^]]*\]|\S+`)

func tokens(rule string) []string { return token.FindAllString(rule, -1) }

// take takes one option with its arguments.
func (n *normalizer) take() {
	not := ""
	if n.tokens[0] == "!" {
		not, n.tokens = "! ", n.tokens[1:]
	}
	option := n.tokens[0]
	i := 1
	for i < len(n.tokens) && !strings.HasPrefix(n.tokens[i], "-") && n.tokens[i] != "!" && !strings.HasPrefix(n.tokens[i], "[o") && !strings.HasPrefix(n.tokens[i], "[v") {
		i++
	}
	argument := strings.Join(n.tokens[1:i], " ")
	n.tokens = n.tokens[i:]
	switch {
	case option == "-m":
		n.module = argument
		if notUnderstood[argument] {
			n.add("[opaque " + argument + "]")
		}
	case option == "-j" || option == "-g":
		n.jump(option, argument)
	case strings.HasPrefix(n.module, "-j "):
		n.targetOption(option, argument)
	default:
		n.condition(not, option, argument)
	}
}

func (n *normalizer) add(term string) { n.terms = append(n.terms, term) }

func (n *normalizer) jump(option, argument string) {
	n.module = "-j " + argument
	switch {
	case opaqueTargets[argument]:
		n.module, argument = "-j opaque", "["+argument+"]"
	case argument == "NFLOG":
		argument = "LOG"
	case argument == "CT":
		return // by its options
	}
	n.add(option + " " + argument)
}

func (n *normalizer) targetOption(option, argument string) {
	switch option {
	case "--log-level", "--nflog-group", "--queue-bypass": // decide nothing
		return
	case "--notrack":
		n.add("-j NOTRACK")
		return
	case "--helper", "--zone":
		n.add("-j [CT]")
		return
	case "--nflog-prefix":
		option = "--log-prefix"
	}
	if n.module == "-j opaque" {
		return
	}
	n.add(strings.TrimSpace(option + " " + unquote(argument)))
	n.surprises()
}

// surprises turns a target of which one form is not understood into an opaque one.
func (n *normalizer) surprises() {
	all := strings.Join(n.terms, " ")
	for name, sign := range map[string]*regexp.Regexp{
		"DNAT":     regexp.MustCompile(`-j DNAT.*--to-destination \S+/\d+`),
		"CONNMARK": regexp.MustCompile(`-j CONNMARK.*--nfmask 0xff .*--ctmask 0xff00`),
	} {
		if sign.MatchString(all) {
			n.terms = slices.DeleteFunc(n.terms, func(s string) bool {
				return strings.HasPrefix(s, "--to-dest") || strings.HasPrefix(s, "--restore") || strings.HasSuffix(s, "mask 0xff") ||
					strings.HasPrefix(s, "--ctmask") || strings.HasPrefix(s, "-j ")
			})
			n.add("-j [" + name + "]")
		}
	}
}

// same are options with two names.
var same = map[string]string{
	"--sports": "--sport", "--dports": "--dport", "--ports": "--port", "--state": "--ctstate",
	"--icmpv6-type": "--icmp-type",
}

func (n *normalizer) condition(not, option, argument string) {
	if s, ok := same[option]; ok {
		option = s
	}
	argument = unquote(argument)
	switch {
	case notUnderstood[n.module] && strings.HasPrefix(option, "--"):
		return
	case partly[option] != "":
		n.add("[opaque " + partly[option] + "]")
		return
	case option == "--u32" || option == "--bytecode":
		n.add(not + program(option, argument))
		return
	case option == "--icmp-type" && argument == "any", option == "--limit-burst" && argument == "5":
		return
	case option == "-p":
		argument = cmp.Or(map[string]string{"vrrp": "112", "icmpv6": "ipv6-icmp"}[argument], argument)
	case n.module == "policy" && (option == "--reqid" || option == "--proto" || option == "--strict"):
		n.terms = slices.DeleteFunc(n.terms, func(s string) bool { return strings.HasPrefix(s, "--dir") || strings.HasPrefix(s, "--pol") })
		n.add("[opaque policy]")
		return
	case (option == "-s" || option == "-d") && strings.Contains(argument, ".255.") || strings.Contains(argument, "::ffff"):
		n.add("[opaque " + map[string]string{"-s": "source", "-d": "destination"}[option] + " " + argument + "]")
		return
	}
	n.add(strings.TrimSpace(not + option + " " + argument))
}

var vniTest = regexp.MustCompile(`^0x0>>0x16&0x3c@0xc&0xffffff00=0x([0-9a-f]+)00$`)
var vniProgram = regexp.MustCompile(`^7,32 0 0 4294963252,7 0 0 0,64 0 0 4,116 0 0 8,21 1 0 (\d+),6 0 0 0,6 0 0 4294967295$`)

// program is "[vni N]" for the programs of the engines.
func program(option, text string) string {
	if m := vniTest.FindStringSubmatch(text); m != nil && option == "--u32" {
		n, _ := strconv.ParseUint(m[1], 16, 32)
		return fmt.Sprintf("[vni %d]", n)
	}
	if m := vniProgram.FindStringSubmatch(text); m != nil && option == "--bytecode" {
		return "[vni " + m[1] + "]"
	}
	return "[opaque " + map[string]string{"--u32": "u32", "--bytecode": "bpf"}[option] + "]"
}

func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' {
		return s
	}
	return strings.NewReplacer(`\"`, `"`, `\'`, `'`, `\\`, `\`).Replace(s[1 : len(s)-1])
}
