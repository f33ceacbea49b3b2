package nft

import (
	"bytes"
	"fmt"
	"slices"

	"fairway/internal/fact"
)

// condition is what must hold for the rest of a rule to run: all matches of one
// of its ways.
type condition struct {
	ways []way
}

type way struct {
	matches []placed
	// target is where a verdict map leads; nil for other conditions.
	target *fact.Target
}

// placed is a match and where iptables would say it: 0 source, 1 destination and
// so on; later ones keep their order.
type placed struct {
	fact.Match
	rank int
}

// last is the rank of everything that iptables says with -m.
const last = 6

// ranks are the places of what iptables says first.
var ranks = map[fact.MatchKind]int{fact.MatchFamily: -1, fact.MatchSource: 0, fact.MatchDestination: 1, fact.MatchIn: 2,
	fact.MatchOut: 3, fact.MatchProtocol: 4, fact.MatchFragment: 5}

func native(ms []fact.Match) []placed {
	var out []placed
	for _, m := range ms {
		rank, ok := ranks[m.Kind]
		if !ok {
			rank = last
		}
		out = append(out, placed{m, rank})
	}
	return out
}

func always(ms ...placed) condition { return condition{[]way{{matches: ms}}} }

// opaque adds a condition that nobody understands.
func (p *program) opaque(what string) {
	m := fact.Match{Kind: fact.MatchOpaque, Text: "nft " + what}
	told := func(c condition) bool { return len(c.ways[0].matches) == 1 && c.ways[0].matches[0].Text == m.Text }
	if !slices.ContainsFunc(p.conditions, told) {
		p.conditions = append(p.conditions, always(placed{m, last}))
	}
}

// maxWays bounds how many rules one rule may become.
const maxWays = 512

// add adds the condition unless the rule would become too many.
func (p *program) add(c condition, what string) {
	if len(c.ways)*p.product() > p.maxWays && len(c.ways) > 1 {
		p.opaque(what)
		return
	}
	p.conditions = append(p.conditions, c)
}

// test runs an expression that compares. It says false for one that does not.
func (p *program) test(e *expr) bool {
	switch e.name {
	case "cmp":
		p.compare(e)
	case "range":
		from, to := e.data(rangeFrom), e.data(rangeTo)
		op := e.n(rangeOp)
		l := p.regs.one(e.n(rangeSReg), len(from))
		if len(from) == 0 || len(from) != len(to) || op > 1 || !e.known {
			p.strange(e)
			return true
		}
		p.ask(l, len(from), question{spans: []span{{from, to}}, not: op == 1})
	case "lookup":
		p.lookUp(e)
	default:
		return false
	}
	return true
}

// The operators of cmp.
const (
	opEqual = iota
	opNot
	opLess
	opAtMost
	opMore
	opAtLeast
)

func (p *program) compare(e *expr) {
	v, op := e.data(cmpData), e.n(cmpOp)
	l := p.regs.one(e.n(cmpSReg), len(v))
	if len(v) == 0 || op > opAtLeast || !e.known {
		p.strange(e)
		return
	}
	low, high := make([]byte, len(v)), bytes.Repeat([]byte{0xff}, len(v))
	q := question{spans: []span{{v, v}}, not: op == opNot}
	switch {
	case op == opLess && !bytes.Equal(v, low):
		q.spans[0] = span{low, before(v)}
	case op == opMore && !bytes.Equal(v, high):
		q.spans[0] = span{after(v), high}
	case op == opLess, op == opMore: // it never holds
		p.opaque(l.name)
		return
	case op == opAtMost:
		q.spans[0] = span{low, v}
		if f := p.floor; f.load == l && f.conditions == len(p.conditions) && len(f.value) == len(v) {
			p.conditions = p.conditions[:len(p.conditions)-1] // "from" is the first half of "from to"
			q.spans[0].lo = f.value
		}
	case op == opAtLeast:
		q.spans[0] = span{v, high}
	}
	n := len(p.conditions)
	p.ask(l, len(v), q)
	if op == opAtLeast && len(p.conditions) > n {
		p.floor = floor{l, v, len(p.conditions)}
	}
}

// floor remembers a comparison with the lower end of a range, which the next may
// make whole.
type floor struct {
	load       *load
	value      []byte
	conditions int // how many there are with it
}

// ask adds the condition that the first bytes of a load answer a question.
func (p *program) ask(l *load, size int, q question) {
	q.mask, q.xor = l.mask, l.xor
	ways, ok := p.answer(p.fields(l, size), q)
	if !ok {
		p.opaque(l.name)
		return
	}
	p.add(condition{ways}, l.name)
	p.learn(ways)
}

// answer makes the ways of a question about fields that lie side by side.
func (p *program) answer(fs []field, q question) ([]way, bool) {
	var out []way
	switch {
	case len(fs) == 1:
		lists, ok := fs[0].read(p, fs[0], q)
		for _, ms := range lists {
			out = append(out, way{matches: native(ms)})
		}
		return out, ok && len(out) > 0
	case len(fs) == 0 || q.not || q.mask != nil:
		return nil, false
	}
	for _, s := range q.spans {
		if !s.point() {
			return nil, false
		}
		w, ok := p.together(fs, packed(fs), s)
		if !ok {
			return nil, false
		}
		out = append(out, w)
	}
	return out, len(out) > 0
}

// packed is where each field begins when nothing is between them.
func packed(fs []field) []int {
	at := make([]int, len(fs)+1)
	for i, f := range fs {
		at[i+1] = at[i] + f.size
	}
	return at
}

// together is the one way in which every field is within its part of a span. The
// places have one more than there are fields: the end.
func (p *program) together(fs []field, at []int, s span) (way, bool) {
	var w way
	for i, f := range fs {
		from, to := at[i], min(at[i]+f.size, len(s.lo))
		if from >= to || len(s.hi) != len(s.lo) {
			return w, false
		}
		lists, ok := f.read(p, f, question{spans: []span{{s.lo[from:to], s.hi[from:to]}}})
		if !ok || len(lists) != 1 {
			return w, false
		}
		w.matches = append(w.matches, native(lists[0])...)
	}
	return w, true
}

// learn notes what the condition says of the packet's headers, which tells what
// their bytes mean.
func (p *program) learn(ways []way) {
	var l4 []uint8
	l3 := map[string]bool{}
	for _, w := range ways {
		for _, m := range w.matches {
			switch {
			case m.Not:
			case m.Kind == fact.MatchProtocol:
				l4 = append(l4, m.Proto)
			case m.Kind == fact.MatchFamily:
				l3[m.Text] = true
			}
		}
	}
	if len(l4) == len(ways) {
		p.l4 = l4
	}
	if len(l3) == 1 && p.l3 == 0 {
		p.l3 = map[bool]int{true: 4, false: 6}[l3["ipv4"]]
	}
}

// lookUp runs a look-up in a set or map.
func (p *program) lookUp(e *expr) {
	s := p.set(text(e.a[lookupSet]))
	const inverted = 1
	flags := e.n(lookupFlags)
	what := "lookup " + text(e.a[lookupSet])
	verdicts := e.has(lookupDReg) && e.n(lookupDReg) == 0
	reg := e.n(lookupSReg)
	switch {
	case verdicts && (s == nil || !s.verdicts || flags != 0 || s.flags&objects != 0):
		p.end(opaqueTarget(what))
		return
	case s == nil || flags&^inverted != 0 || s.verdicts && e.has(lookupDReg) != verdicts:
		p.poison(what)
		return
	}
	loads := p.regs.get(reg, s.keyLen)
	if verdicts {
		p.verdictMap(s, loads, what)
		return
	}
	p.inSet(s, loads, flags&inverted != 0, what)
	if e.has(lookupDReg) {
		p.store(e, e.n(lookupDReg), &load{name: what})
	}
}

// inSet adds the condition that what was loaded is in a set, or is not.
func (p *program) inSet(s *set, loads []*load, not bool, what string) {
	list, rest := s.entries()
	if rest != nil { // everything is in it
		p.opaque(what)
		return
	}
	spans := make([]span, len(list))
	for i := range list {
		spans[i] = list[i].span
	}
	ways, ok := p.find(s, loads, spans, not)
	if !ok {
		p.opaque(what)
		return
	}
	p.add(condition{ways}, what)
	p.learn(ways)
}

// find makes the ways in which what was loaded is one of a set's keys.
func (p *program) find(s *set, loads []*load, spans []span, not bool) ([]way, bool) {
	learned := p.l4
	defer func() { p.l4 = learned }()
	if len(loads) == 1 {
		fs := p.fields(loads[0], s.keyLen)
		if len(fs) == 1 && loads[0].plain() {
			if m, ok := s.named(fs[0], spans, not); ok {
				return []way{{matches: native([]fact.Match{m})}}, true
			}
		}
		if !s.whole {
			return nil, false
		}
		return p.answer(fs, question{spans: spans, mask: loads[0].mask, xor: loads[0].xor, not: not})
	}
	if not || !s.whole || len(spans) == 0 || len(spans) > p.maxWays {
		return nil, false
	}
	var out []way
	for _, sp := range spans {
		w, ok := p.concatenated(loads, sp)
		if !ok {
			return nil, false
		}
		out = append(out, w)
	}
	return out, true
}

// concatenated is the way in which several loads, each in words of its own, are
// within their part of a span.
func (p *program) concatenated(loads []*load, s span) (way, bool) {
	var fs []field
	var at []int
	from := 0
	for _, l := range loads {
		parts := p.fields(l, l.size)
		if len(parts) == 0 || !l.plain() {
			return way{}, false
		}
		for i, off := range packed(parts)[:len(parts)] {
			fs, at = append(fs, parts[i]), append(at, from+off)
		}
		p.learnIf(parts, s, from)
		from += l.words() * 4
	}
	return p.together(fs, append(at, from), s)
}

// learnIf notes the protocol that a key of several fields names, for the fields
// behind it.
func (p *program) learnIf(fs []field, s span, at int) {
	if len(fs) == 1 && fs[0].kind == fact.MatchProtocol && at < len(s.lo) {
		p.l4 = []uint8{s.lo[at]}
	}
}

// verdictMap ends the rule with a verdict for each key.
func (p *program) verdictMap(s *set, loads []*load, what string) {
	list, rest := s.entries()
	var ways []way
	ok := s.whole && (len(list)+1)*p.product() <= p.maxWays && (rest == nil || rest.Kind != fact.TargetNone)
	if ok && len(list) == 0 && rest == nil { // nothing is in it
		p.end(fact.Target{})
		return
	}
	var spans []span
	for i := 0; ok && i < len(list); i++ {
		var w []way
		if w, ok = p.find(s.unnamed(), loads, []span{list[i].span}, false); !ok || len(w) != 1 || list[i].target.Kind == fact.TargetNone {
			ok = false
			break
		}
		w[0].target = &list[i].target
		ways, spans = append(ways, w[0]), append(spans, list[i].span)
	}
	if ok && rest != nil {
		w, fine := p.find(s.unnamed(), loads, spans, true)
		if ok = fine && len(w) == 1; ok {
			w[0].target = rest
			ways = append(ways, w[0])
		}
	}
	if !ok {
		p.end(opaqueTarget(what))
		return
	}
	p.steps = append(p.steps, step{conditions: len(p.conditions), ways: ways})
	p.done = true
}

// unnamed is the set as if it were written into the rule.
func (s *set) unnamed() *set {
	out := *s
	out.flags |= anonymous
	return &out
}

func opaqueTarget(what string) fact.Target {
	return fact.Target{Kind: fact.TargetOpaque, Text: fmt.Sprintf("nft %s", what)}
}
