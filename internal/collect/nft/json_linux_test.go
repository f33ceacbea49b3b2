package nft

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/fact"
)

// listing is what nft -j list ruleset says, as far as it is compared.
type listing struct {
	Nftables []struct {
		Chain *struct {
			Family, Table, Name, Type, Hook, Policy string
			Prio                                    int
		}
		Rule *struct {
			Family, Table, Chain, Comment string
			Handle                        uint64
			Expr                          []map[string]json.RawMessage
		}
	}
}

// TestAgainstNft has nft list what it loaded, as JSON: chains, hooks, priorities,
// policies, the rules' handles, counters, verdicts and simple matches must be
// those that are read.
func TestAgainstNft(t *testing.T) {
	files, err := filepath.Glob("testdata/*.nft")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			loaded(t, file)
			var list listing
			if err := json.Unmarshal([]byte(run(t, "", "nft", "-j", "-a", "list", "ruleset")), &list); err != nil {
				t.Fatal(err)
			}
			tables := here(t).Tables
			want, got := list.lines(t), factLines(tables)
			for i := range min(len(want), len(got)) {
				want[i], got[i] = vague(want[i], got[i])
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("nft -, fairway +:\n%s", diff)
			}
			if n := list.compareMatches(t, tables); n == 0 {
				t.Error("no match was compared")
			} else {
				t.Logf("%d lines, %d matches", len(want), n)
			}
		})
	}
}

// vague cuts the end off both lines where one says "?".
func vague(a, b string) (string, string) {
	if strings.HasSuffix(a, "?") || strings.HasSuffix(b, "?") {
		a, b = strings.TrimRight(strings.Join(strings.Fields(a)[:4], " "), " "), strings.Join(strings.Fields(b)[:4], " ")
	}
	return a, b
}

// lines says every chain and rule of the listing as one line.
func (l *listing) lines(t *testing.T) []string {
	var out []string
	for _, o := range l.Nftables {
		if c := o.Chain; c != nil {
			out = append(out, fmt.Sprintf("%s %s %s %s %s %d %s", c.Family, c.Table, c.Name, c.Type, c.Hook, c.Prio, c.Policy))
		}
		if r := o.Rule; r != nil {
			out = append(out, fmt.Sprintf("%s %s %s %d%s%s", r.Family, r.Table, r.Chain, r.Handle, counter(t, r.Expr), ends(t, r.Expr)))
		}
	}
	slices.Sort(out)
	return out
}

// counter is the rule's own counter where it stands behind all matches.
func counter(t *testing.T, exprs []map[string]json.RawMessage) string {
	out := ""
	for _, e := range exprs {
		if e["match"] != nil || e["vmap"] != nil {
			out = ""
		}
		var c struct{ Packets, Bytes uint64 }
		if e["counter"] != nil && e["counter"][0] == '{' {
			if err := json.Unmarshal(e["counter"], &c); err != nil {
				t.Fatal(err)
			}
			out = fmt.Sprintf(" [%d:%d]", c.Packets, c.Bytes)
		}
	}
	return out
}

// ends is the verdict at the end.
func ends(t *testing.T, exprs []map[string]json.RawMessage) string {
	last := exprs[len(exprs)-1]
	if last["vmap"] != nil {
		return " ?"
	}
	for _, verdict := range []string{"accept", "drop", "return", "jump", "goto"} {
		if last[verdict] == nil {
			continue
		}
		var to struct{ Target string }
		if err := json.Unmarshal(last[verdict], &to); err != nil {
			t.Fatal(err)
		}
		return strings.TrimRight(" "+verdict+" "+to.Target, " ")
	}
	return ""
}

// factLines says the same of what was read. Of the rules that one rule became, the
// last stands for all.
func factLines(tables []fact.RuleTable) []string {
	var out []string
	for _, t := range tables {
		for _, c := range t.Chains {
			out = append(out, fmt.Sprintf("%s %s %s %s %s %d %s", t.Family, t.Name, c.Name, c.Type, c.Hook, c.Priority, c.Policy))
			for i, r := range c.Rules {
				if i+1 == len(c.Rules) || c.Rules[i+1].Handle != r.Handle {
					out = append(out, fmt.Sprintf("%s %s %s %d%s%s", t.Family, t.Name, c.Name, r.Handle, hitText(r.Hits), endText(r.Target)))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func hitText(h fact.Hits) string {
	if !h.Counted {
		return ""
	}
	return fmt.Sprintf(" [%d:%d]", h.Packets, h.Bytes)
}

func endText(t fact.Target) string {
	words := map[fact.TargetKind]string{fact.TargetAccept: " accept", fact.TargetDrop: " drop", fact.TargetReturn: " return",
		fact.TargetJump: " jump " + t.Chain, fact.TargetGoto: " goto " + t.Chain, fact.TargetOpaque: " ?"}
	return words[t.Kind]
}

// comparison is a match of the listing.
type comparison struct {
	Op   string
	Left struct {
		Payload struct{ Protocol, Field string }
		Meta    struct{ Key string }
		CT      struct{ Key string }
	}
	Right json.RawMessage
}

// compareMatches looks each simple match of the listing up among those read. It
// returns how many there were.
func (l *listing) compareMatches(t *testing.T, tables []fact.RuleTable) int {
	nf, n := fact.Netfilter{Tables: tables}, 0
	for _, o := range l.Nftables {
		if o.Rule == nil {
			continue
		}
		c := nf.Table(fact.NFTables, o.Rule.Family, o.Rule.Table).Chain(o.Rule.Chain)
		var have []string
		for _, r := range c.Rules {
			for _, m := range r.Matches {
				if r.Handle == o.Rule.Handle {
					have = append(have, m.String())
				}
			}
		}
		for _, e := range o.Rule.Expr {
			var m comparison
			if e["match"] == nil || json.Unmarshal(e["match"], &m) != nil {
				continue
			}
			want, ok := m.fact()
			if !ok || slices.ContainsFunc(have, func(s string) bool { return strings.Contains(s, "opaque") }) {
				continue
			}
			if n++; !slices.Contains(have, want.String()) {
				t.Errorf("%s %s %d: nft says %s, read was %q", o.Rule.Table, c.Name, o.Rule.Handle, want, have)
			}
		}
	}
	return n
}

// fact says the match in our words. It says false for what is not simple.
func (m *comparison) fact() (fact.Match, bool) {
	out := fact.Match{Not: m.Op == "!="}
	if m.Op != "==" && m.Op != "!=" && m.Op != "in" {
		return out, false
	}
	out.Kind = map[string]fact.MatchKind{"saddr": fact.MatchSource, "daddr": fact.MatchDestination, "sport": fact.MatchSourcePort,
		"dport": fact.MatchDestinationPort, "iifname": fact.MatchIn, "oifname": fact.MatchOut, "mark": fact.MatchMark,
		"state": fact.MatchState}[m.Left.Payload.Field+m.Left.Meta.Key+m.Left.CT.Key]
	switch m.Left.Payload.Protocol + m.Left.CT.Key {
	case "", "ip", "ip6", "tcp", "udp", "state":
	default:
		return out, false
	}
	values, ok := flat(m.Right)
	for _, v := range values {
		ok = ok && addValue(&out, v)
	}
	return out, ok && out.Kind != ""
}

// flat is a set, a list or one value as a list.
func flat(b json.RawMessage) (out []json.RawMessage, ok bool) {
	var set struct{ Set []json.RawMessage }
	switch {
	case json.Unmarshal(b, &out) == nil:
	case json.Unmarshal(b, &set) == nil && set.Set != nil:
		out = set.Set
	default:
		out = []json.RawMessage{b}
	}
	return out, true
}

// addValue adds one of the values that a match allows.
func addValue(m *fact.Match, b json.RawMessage) bool {
	var n uint32
	var s string
	var whole struct {
		Prefix struct {
			Addr string
			Len  int
		}
		Range []json.RawMessage
	}
	number, word := json.Unmarshal(b, &n) == nil, json.Unmarshal(b, &s) == nil
	_ = json.Unmarshal(b, &whole)
	switch m.Kind {
	case fact.MatchSource, fact.MatchDestination:
		return addAddr(m, s, whole.Prefix.Addr, whole.Prefix.Len, whole.Range)
	case fact.MatchSourcePort, fact.MatchDestinationPort:
		r := fact.PortRange{First: uint16(n), Last: uint16(n)}
		if len(whole.Range) == 2 {
			number = json.Unmarshal(whole.Range[0], &r.First) == nil && json.Unmarshal(whole.Range[1], &r.Last) == nil
		}
		m.Ports = append(m.Ports, r)
		return number
	case fact.MatchIn, fact.MatchOut:
		once := m.Iface == ""
		m.Iface = strings.Replace(s, "*", "+", 1)
		return word && once
	case fact.MatchMark:
		once := m.Mask == 0
		m.Value, m.Mask = n, ^uint32(0)
		return number && once
	case fact.MatchState:
		m.States = append(m.States, strings.ToUpper(s))
		order := func(w string) int {
			return slices.Index([]string{"INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED"}, w)
		}
		slices.SortFunc(m.States, func(a, b string) int { return order(a) - order(b) })
		return word
	}
	return false
}

func addAddr(m *fact.Match, one, prefix string, bits int, span []json.RawMessage) bool {
	switch {
	case prefix != "":
		a, err := netip.ParseAddr(prefix)
		m.Prefixes = append(m.Prefixes, netip.PrefixFrom(a, bits))
		return err == nil
	case len(span) == 2:
		var r fact.AddrRange
		ok := json.Unmarshal(span[0], &r.First) == nil && json.Unmarshal(span[1], &r.Last) == nil
		m.Ranges = append(m.Ranges, r)
		return ok
	}
	a, err := netip.ParseAddr(one)
	m.Prefixes = append(m.Prefixes, netip.PrefixFrom(a, a.BitLen()))
	return err == nil
}
