package xt

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"fairway/internal/fact"
)

// limit is struct xt_rateinfo: avg, burst, and what the kernel keeps.
func limit(_ string, d []byte) ([]fact.Match, bool) {
	every, burst := u32(d, 0), u32(d, 4)
	if every == 0 {
		return nil, false
	}
	return []fact.Match{{Kind: fact.MatchLimit, Text: fmt.Sprintf("%s burst %d", rate(every), burst)}}, true
}

// rate spells a pause between packets, in units of 100 µs, as iptables does: in
// the coarsest unit that does not round it too much.
func rate(pause uint32) string {
	units := []struct {
		word   string
		length uint32
	}{{"sec", 10_000}, {"min", 600_000}, {"hour", 36_000_000}, {"day", 864_000_000}}
	best := "day"
	count := uint32(864_000_000) / pause
	for _, u := range units {
		if n := u.length / pause; n > 0 && n >= u.length%pause {
			return fmt.Sprintf("%d/%s", n, u.word)
		}
	}
	return fmt.Sprintf("%d/%s", count, best)
}

// comment is struct xt_comment_info.
func comment(_ string, d []byte) ([]fact.Match, bool) {
	s, ok := text(d[:256])
	return []fact.Match{{Kind: fact.MatchComment, Text: s}}, ok
}

// set1 is struct xt_set_info: index, dim, flags.
func set1(_ string, d []byte) ([]fact.Match, bool) {
	const not = 1
	dim, flags := int(d[2]), d[3]
	if dim < 1 || dim > 3 || flags>>(dim+1) != 0 {
		return nil, false
	}
	var dirs []string
	for i := 1; i <= dim; i++ {
		dirs = append(dirs, map[bool]string{true: "src", false: "dst"}[flags>>i&1 == 1])
	}
	name := fmt.Sprintf("#%d %s", u16(d, 0), strings.Join(dirs, ","))
	return []fact.Match{{Kind: fact.MatchSet, Not: flags&not != 0, Text: name}}, true
}

// set3 is struct xt_set_info_match_v3: the set, counters {op, value} of packets
// and bytes, flags. Only a plain look-up is understood.
func set3(family string, d []byte) ([]fact.Match, bool) {
	if d[8] != 0 || d[24] != 0 || u32(d, 40)&^quiet != 0 {
		return nil, false
	}
	return set1(family, d)
}

// set4 is struct xt_set_info_match_v4, whose counters are {value, op}.
func set4(family string, d []byte) ([]fact.Match, bool) {
	if d[16] != 0 || d[32] != 0 || u32(d, 40)&^quiet != 0 {
		return nil, false
	}
	return set1(family, d)
}

// quiet are flags of set that only keep counters still (IPSET_FLAG_SKIP_*).
const quiet = 1<<3 | 1<<4

// Set is a named set of addresses.
type Set struct {
	Name    string
	Members []netip.Prefix
	Whole   bool // these are all
}

// FillSets puts sets in the place of the numbers ("#3 src") that the matches of a
// table know them by. Where look gives no name, the number stays. It may be asked
// for the same number often.
func FillSets(t *fact.RuleTable, look func(index uint16) Set) {
	for c := range t.Chains {
		for r := range t.Chains[c].Rules {
			fillSets(t.Chains[c].Rules[r].Matches, look)
		}
	}
}

func fillSets(ms []fact.Match, look func(index uint16) Set) {
	for i := range ms {
		number, dirs, _ := strings.Cut(ms[i].Text, " ")
		digits, numbered := strings.CutPrefix(number, "#")
		index, err := strconv.ParseUint(digits, 10, 16)
		if ms[i].Kind != fact.MatchSet || !numbered || err != nil {
			continue
		}
		if s := look(uint16(index)); s.Name != "" {
			ms[i].Text, ms[i].Members, ms[i].Whole = s.Name+" "+dirs, s.Members, s.Whole
		}
	}
}
