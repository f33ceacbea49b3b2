// Package said knows what the log lines of engines and kernels mean, finds them
// fast in whole logs, and masks the secrets that lines carry.
package said

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"fairway/internal/fact"
)

// Read says what a line means; false: its meaning is not known. Secrets in it are
// masked first. The line may be in any form that dockerd's and the kernel's lines
// have: see message.
func Read(from fact.LogFrom, at time.Time, text string) (fact.Statement, bool) {
	p := table()
	if !p.scan.contains(text) {
		return fact.Statement{}, false
	}
	m := message(Mask(text))
	if repeats(m) {
		return fact.Statement{}, false
	}
	for i := range p.patterns {
		if p.patterns[i].fits(from, m) {
			return p.patterns[i].state(from, at, m), true
		}
	}
	return fact.Statement{}, false
}

// Scan calls each for every line of a log that contains a literal of any pattern,
// in order, without its line break. The slice is part of data.
func Scan(data []byte, each func(line []byte)) { table().scan.lines(data, each) }

// known is the table of patterns, made ready once.
type known struct {
	patterns []Pattern
	scan     *scanner
}

var table = sync.OnceValue(func() *known {
	k := &known{patterns: Patterns()}
	k.scan = newScanner(Literals())
	return k
})

// Literals lists the literals of all patterns, each once.
func Literals() []string {
	var list []string
	seen := map[string]bool{}
	for _, p := range Patterns() {
		for _, l := range p.Literals {
			if !seen[l] {
				seen[l] = true
				list = append(list, l)
			}
		}
	}
	return list
}

// repeats is for lines in which the engine says what others said to it: what a
// client sends may contain any text.
func repeats(m string) bool {
	return strings.HasPrefix(m, "Calling ") || strings.HasPrefix(m, "form data: ") || strings.HasPrefix(m, "handling ")
}

func (p *Pattern) state(from fact.LogFrom, at time.Time, m string) fact.Statement {
	s := fact.Statement{At: at, From: from, ID: p.ID, Benign: p.benign(m), Text: fact.OneLine(m)}
	for _, r := range p.Get {
		fill(&s, r, m)
	}
	if p.Stats {
		s.Stats = figures(m)
	}
	return s
}

// fill takes the details that an expression finds and that are not known yet.
func fill(s *fact.Statement, r *regexp.Regexp, m string) {
	found := r.FindStringSubmatch(m)
	if found == nil {
		return
	}
	for i, name := range r.SubexpNames() {
		v := found[i]
		switch {
		case v == "":
		case name == "peer" && s.Peer == "":
			s.Peer = fact.OneLine(v)
		case name == "network" && s.Network == "":
			s.Network = fact.OneLine(v)
		case name == "count" && s.Count == 0:
			s.Count = number(v)
		case name == "addr" && !s.Addr.IsValid():
			s.Addr = address(v)
		}
	}
}

// address reads an address that may have a port, a prefix length or brackets.
func address(v string) netip.Addr {
	v = strings.Trim(v, "\"',;.")
	if a, err := netip.ParseAddrPort(v); err == nil {
		return a.Addr().Unmap()
	}
	v, _, _ = strings.Cut(v, "/")
	v = strings.Trim(v, "[]")
	a, err := netip.ParseAddr(v)
	if err != nil {
		// The colon before an error's cause.
		a, _ = netip.ParseAddr(strings.TrimSuffix(v, ":"))
	}
	return a.Unmap().WithZone("")
}

var (
	statsForm = regexp.MustCompile(`netPeers:(\d+) entries:(\d+) Queue qLen:(\d+)(?:\+(\d+))?`)
	scoreForm = regexp.MustCompile(`healthscore:(\d+)`)
)

// figures reads the two statistics lines; nil where they do not parse.
func figures(m string) *fact.GossipStats {
	if f := statsForm.FindStringSubmatch(m); f != nil {
		return &fact.GossipStats{Peers: number(f[1]), Entries: number(f[2]), Queue: number(f[3]) + number(f[4])}
	}
	if f := scoreForm.FindStringSubmatch(m); f != nil {
		return &fact.GossipStats{HealthScore: number(f[1])}
	}
	return nil
}

// number is 0 where there is none, or one that no counter of theirs can hold.
func number(v string) int {
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil {
		return 0
	}
	return int(n)
}
