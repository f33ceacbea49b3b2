package nft

import (
	"cmp"
	"slices"

	"fairway/internal/collect/xt"
	"fairway/internal/fact"
)

// program is a rule while its expressions are run, symbolically.
type program struct {
	family string
	// set finds a set; nil where it is not there, or would be too much to look at.
	set func(name string) *set
	// maxWays bounds how many rules this one may become.
	maxWays int
	links   map[uint32]string

	regs registers
	// l3 is 4 or 6 where the packet can be nothing else, else 0.
	l3 int
	// l4 are the protocols that it can be of; nil: any.
	l4    []uint8
	floor floor

	conditions []condition
	steps      []step
	// hits is the rule's counter, which stands behind so many conditions.
	hits    fact.Hits
	counted int
	done    bool
}

// step is something that a rule does once its first conditions hold.
type step struct {
	conditions int
	// ways has one without matches, except for a verdict map.
	ways []way
}

// understand makes facts of a rule: none only for a chain that is not there,
// several where it does one thing after another or has several ways to match.
func (d *dump) understand(r *rawRule, links map[uint32]string) []fact.Rule {
	p := program{family: familyName(r.at.family), links: links, maxWays: maxWays}
	if d.said > maxFacts {
		p.maxWays = 1
	}
	p.set = func(name string) *set { return d.look(setKey{r.at.family, r.at.table, name}) }
	switch p.family {
	case "ip":
		p.l3 = 4
	case "ip6":
		p.l3 = 6
	}
	if s, ok := note(r.userData); ok {
		p.conditions = append(p.conditions, always(placed{fact.Match{Kind: fact.MatchComment, Text: s}, last + 1}))
	}
	if !expressions(r.expressions, p.run) {
		p.end(opaqueTarget("rule"))
	}
	return p.rules()
}

// look finds a set for a rule, as long as all rules do not look at too much.
func (d *dump) look(k setKey) *set {
	s := d.sets[k]
	if s == nil {
		return nil
	}
	if d.looked += len(s.elems); d.looked > maxAll {
		return nil
	}
	return s
}

// note is the comment that nft keeps with a rule.
func note(userData []byte) (string, bool) {
	const comment = 0
	for b := userData; len(b) >= 2; {
		n := 2 + int(b[1])
		if n > len(b) {
			return "", false
		}
		if b[0] == comment {
			return text(b[2:n]), true
		}
		b = b[n:]
	}
	return "", false
}

// run runs one expression. It says false when the rule is over.
func (p *program) run(e *expr) bool {
	switch {
	case !e.known:
		p.strange(e)
	case p.load(e), p.compute(e), p.test(e), p.do(e):
	case e.name == "match":
		p.extension(e)
	case e.name == "immediate" && e.n(immDReg) == 0:
		p.verdict(e)
	case e.name == "immediate":
		v := e.data(immData)
		p.store(e, e.n(immDReg), &load{from: constant, size: len(v), data: v, name: "constant"})
	default:
		p.strange(e)
	}
	return !p.done
}

// quiet are the expressions that only fill registers or end the rule, whatever
// their attributes say. All others may do something with the packet.
var quiet = []string{"bitwise", "byteorder", "cmp", "connlimit", "counter", "dynset", "exthdr", "fib", "hash", "inner", "last",
	"limit", "match", "numgen", "osf", "quota", "range", "rt", "socket", "tunnel", "xfrm"}

// strange is for an expression that nobody understands: it may end the rule, may
// have written any register, and unless it is a quiet one it may do anything.
func (p *program) strange(e *expr) {
	if !slices.Contains(quiet, e.name) {
		p.end(opaqueTarget(e.name))
		return
	}
	p.poison(e.name)
}

// poison adds a condition that nobody understands, after which no register is
// known.
func (p *program) poison(what string) {
	p.opaque(what)
	for i := range p.regs {
		p.regs[i].load, p.regs[i].word = &load{name: what}, 0
	}
}

// extension is a match of xtables.
func (p *program) extension(e *expr) {
	var c condition
	c.ways = []way{{}}
	for _, m := range xt.Match(p.family, text(e.a[extName]), uint8(e.n(extRev)), e.a[extInfo]) {
		c.ways[0].matches = append(c.ways[0].matches, placed{m, last})
	}
	p.conditions = append(p.conditions, c)
}

// then adds something to do, and goes on.
func (p *program) then(t fact.Target) {
	p.steps = append(p.steps, step{len(p.conditions), []way{{target: &t}}})
}

// end adds the last thing to do.
func (p *program) end(t fact.Target) {
	p.then(t)
	p.done = true
}

func (p *program) verdict(e *expr) {
	a, _, ok := attributes(e.a[immData])
	t, known := verdict(a[dataVerdict])
	switch {
	case !ok || !known:
		p.end(opaqueTarget("verdict"))
	case t.Kind != fact.TargetNone:
		p.end(t)
	}
}

// verdict reads a verdict; continue is TargetNone.
func verdict(b []byte) (fact.Target, bool) {
	a, more, ok := attributes(b)
	if !ok || more || len(a[verdictCode]) != 4 {
		return fact.Target{}, false
	}
	kind, ok := map[int32]fact.TargetKind{0: fact.TargetDrop, 1: fact.TargetAccept, 3: fact.TargetQueue, -1: fact.TargetNone,
		-3: fact.TargetJump, -4: fact.TargetGoto, -5: fact.TargetReturn}[int32(value(a[verdictCode]))]
	return fact.Target{Kind: kind, Chain: text(a[verdictChain])}, ok
}

// rules are what the program amounts to.
func (p *program) rules() []fact.Rule {
	if len(p.steps) == 0 {
		p.then(fact.Target{})
	}
	hits := p.hits
	final := p.steps[len(p.steps)-1]
	if p.counted != final.conditions || len(final.ways) > 1 {
		hits = fact.Hits{} // it counted something else than this
	}
	if len(p.steps)*p.product() > max(p.maxWays, len(p.steps)) {
		return p.blurred(hits, "too many ways")
	}
	var out []fact.Rule
	for i, s := range p.steps {
		before := len(out)
		for _, w := range s.ways {
			for _, ms := range combine(p.conditions[:s.conditions]) {
				out = append(out, fact.Rule{Matches: sorted(append(ms, w.matches...)), Target: *w.target, Hits: hits})
			}
		}
		alone := i+1 == len(p.steps) && len(out)-before == 1
		if !alone && p.blurs(s) {
			return p.blurred(hits, "statements that change what the rule looks at")
		}
	}
	return out
}

// blurs reports whether a step changes what the rule looks at, so that it cannot
// be said as several rules.
func (p *program) blurs(s step) bool {
	var changed []fact.MatchKind
	for _, w := range s.ways {
		switch w.target.Kind {
		case fact.TargetJump, fact.TargetGoto:
			changed = append(changed, fact.MatchMark, fact.MatchConnMark)
		case fact.TargetMark:
			changed = append(changed, fact.MatchMark)
		case fact.TargetConnMark:
			changed = append(changed, fact.MatchMark, fact.MatchConnMark)
		case fact.TargetNoTrack:
			changed = append(changed, fact.MatchState)
		}
	}
	looks := func(w way) bool {
		return slices.ContainsFunc(w.matches, func(m placed) bool { return slices.Contains(changed, m.Kind) })
	}
	return slices.ContainsFunc(s.ways, looks) ||
		slices.ContainsFunc(p.conditions, func(c condition) bool { return slices.ContainsFunc(c.ways, looks) })
}

// blurred is the rule with what stands before its first step, and something to do
// that nobody understands.
func (p *program) blurred(hits fact.Hits, why string) []fact.Rule {
	r := fact.Rule{Target: opaqueTarget(why), Hits: hits}
	if ways := combine(p.conditions[:p.steps[0].conditions]); len(ways) == 1 {
		r.Matches = sorted(ways[0])
	}
	return []fact.Rule{r}
}

// product is in how many ways all conditions can hold.
func (p *program) product() int {
	n := 1
	for _, c := range p.conditions { // add keeps it small
		n *= len(c.ways)
	}
	return n
}

// combine lists all ways in which all conditions hold.
func combine(cs []condition) [][]placed {
	out := [][]placed{nil}
	for _, c := range cs {
		var next [][]placed
		for _, ms := range out {
			for _, w := range c.ways {
				next = append(next, slices.Concat(ms, w.matches))
			}
		}
		out = next
	}
	return out
}

// sorted puts matches in the order in which iptables says them.
func sorted(ms []placed) []fact.Match {
	slices.SortStableFunc(ms, func(a, b placed) int { return cmp.Compare(a.rank, b.rank) })
	var out []fact.Match
	for _, m := range ms {
		out = append(out, m.Match)
	}
	return out
}
