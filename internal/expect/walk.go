package expect

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/fact"
)

// Packet is what a rule walk knows of one packet. A field's zero value means
// "not there" for interfaces and ports, and "nobody knows" where said so.
type Packet struct {
	Src, Dst netip.Addr
	// Proto is the IP protocol's number: 6 tcp, 17 udp.
	Proto            uint8
	SrcPort, DstPort uint16
	// Flags are TCP's: 2 is SYN.
	Flags uint8
	// In and Out are interface names; empty at a hook that has none.
	In, Out string
	Mark    uint32
	// MarkUnsure: a rule may have changed the mark, or not.
	MarkUnsure bool
	// State is conntrack's word, NEW or ESTABLISHED; empty: nobody knows.
	State string
	// IPVS says whether it belongs to a virtual service; IPsec whether it came or
	// will go encrypted.
	IPVS, IPsec Tri
	// VNI is the VXLAN network inside; 0: it is no VXLAN.
	VNI uint32
}

// Tri is yes, no, or nobody knows.
type Tri int8

// The three answers.
const (
	Unsure Tri = 0
	Yes    Tri = 1
	No     Tri = -1
)

func tri(ok bool) Tri {
	if ok {
		return Yes
	}
	return No
}

// Fate is what becomes of a packet at a hook.
type Fate string

// The fates. Rejected is dropped with an answer.
const (
	Accepted    Fate = "accepted"
	Dropped     Fate = "dropped"
	Rejected    Fate = "rejected"
	FateUnknown Fate = "unknown"
)

// Step is a rule, or the policy of a chain (Rule nil), that did something.
type Step struct {
	Backend              fact.Backend
	Family, Table, Chain string
	Rule                 *fact.Rule
	Policy               string
	Hits                 fact.Hits
}

// String names the place as an operator finds it.
func (s Step) String() string {
	where := fmt.Sprintf("%s %s of %s", s.Table, s.Chain, s.Backend)
	if s.Family == "inet" || s.Family == "ip6" || s.Family == "netdev" {
		where = s.Family + " " + where
	}
	if s.Rule == nil {
		return fmt.Sprintf("policy %s of %s", s.Policy, where)
	}
	return fmt.Sprintf("rule %d of %s", s.Rule.Number, where)
}

// Walked is the answer of a walk.
type Walked struct {
	Fate Fate
	// By dropped or rejected it; nil when it was accepted. With an unknown fate it
	// is the rule that nobody can judge.
	By *Step
	// Why says what is unknown; empty otherwise. A packet that is dropped for sure
	// may have been stopped by another rule before: then Why names that.
	Why string
	// Packet is as it left the hook: marked, translated.
	Packet Packet
	// Did are the rules that marked or translated it, in order.
	Did []Step
}

// Walk takes a packet through every base chain at a hook of a namespace, as the
// kernel does: by priority, over both backends; accept ends one chain, drop ends
// all. A rule that cannot be judged makes the fate unknown only where its answer
// would change it.
func Walk(ns *fact.NetNS, hook string, p Packet) Walked {
	w := walk{ns: ns, packet: p}
	for _, b := range bases(ns.Netfilter, hook, p) {
		w.base(b)
		if w.fate == Dropped || w.fate == Rejected {
			break
		}
	}
	return w.answer()
}

// base is a base chain and the table it stands in.
type base struct {
	table *fact.RuleTable
	chain *fact.Chain
}

// bases are the base chains of a hook that see the packet, in the kernel's order.
func bases(n *fact.Netfilter, hook string, p Packet) []base {
	if n == nil {
		return nil
	}
	family := "ip"
	if p.Dst.Is6() && !p.Dst.Is4In6() {
		family = "ip6"
	}
	var out []base
	for i := range n.Tables {
		t := &n.Tables[i]
		if t.Dormant || t.Family != family && t.Family != "inet" {
			continue
		}
		for j := range t.Chains {
			if c := &t.Chains[j]; c.Hook == hook {
				out = append(out, base{t, c})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b base) int { return cmp.Compare(a.chain.Priority, b.chain.Priority) })
	return out
}

// walk is one walk in progress.
type walk struct {
	ns     *fact.NetNS
	packet Packet
	fate   Fate // of the hook so far; empty: still accepted
	by     *Step
	did    []Step
	// perhaps is the first rule of the hook that may have dropped it.
	perhaps doubt
	// chain's own doubts: rules that may have ended it so, had their answer been known.
	accepts, drops doubt
	// translated: a nat chain has decided, the others are skipped.
	translated bool
}

// doubt is a rule that nobody can judge, and why.
type doubt struct {
	at  *Step
	why string
}

// end is how a chain was left.
type end int8

const (
	goesOn end = iota // the last rule was passed, or RETURN
	accept
	drop
	reject
)

// deepest is more than the kernel's own limit of nested jumps (16).
const deepest = 32

func (w *walk) base(b base) {
	if b.chain.Type == "nat" && (w.translated || w.packet.State != "" && w.packet.State != "NEW") {
		return // conntrack knows the answer already
	}
	w.accepts, w.drops = doubt{}, doubt{}
	e, by := w.chain(b, b.chain, 0)
	if e == goesOn {
		e, by = accept, w.step(b, b.chain, nil)
		if b.chain.Policy == "drop" {
			e = drop
		}
	}
	w.settle(e, by)
}

// settle folds a chain's end, and what may have ended it differently, into the hook's.
func (w *walk) settle(e end, by *Step) {
	switch {
	case e == accept && w.drops.at != nil:
		w.perhaps = cmp.Or(w.perhaps, w.drops)
	case e == accept:
	case w.accepts.at != nil:
		w.perhaps = cmp.Or(w.perhaps, w.accepts)
	case e == reject:
		w.fate, w.by, w.perhaps = Rejected, by, cmp.Or(w.perhaps, w.drops)
	default:
		w.fate, w.by, w.perhaps = Dropped, by, cmp.Or(w.perhaps, w.drops)
	}
}

func (w *walk) answer() Walked {
	out := Walked{Fate: Accepted, Packet: w.packet, Did: w.did}
	switch {
	case w.fate != "":
		out.Fate, out.By = w.fate, w.by
		if w.perhaps.at != nil {
			out.Why = w.perhaps.at.String() + " may stop it before: " + w.perhaps.why
		}
	case w.perhaps.at != nil:
		out.Fate, out.By, out.Why = FateUnknown, w.perhaps.at, w.perhaps.why
	}
	return out
}

// chain runs the rules of a chain.
func (w *walk) chain(b base, c *fact.Chain, depth int) (end, *Step) {
	for i := range c.Rules {
		r := &c.Rules[i]
		match, why := w.matches(r)
		if match == No {
			continue
		}
		here := w.step(b, c, r)
		if match == Unsure {
			w.imagine(b, here, why, depth)
			continue
		}
		e, by, left := w.target(b, here, depth)
		if e != goesOn || left {
			return e, by
		}
	}
	return goesOn, nil
}

// imagine tries what an unsure rule would do on a copy, and keeps what differs as a doubt.
func (w *walk) imagine(b base, here *Step, why string, depth int) {
	try := *w
	try.did = slices.Clone(w.did)
	e, _, left := try.target(b, here, depth)
	either := doubt{here, why}
	w.accepts, w.drops = cmp.Or(w.accepts, try.accepts), cmp.Or(w.drops, try.drops)
	switch {
	case left || try.translated != w.translated:
		w.accepts, w.drops = cmp.Or(w.accepts, either), cmp.Or(w.drops, either)
	case e == accept:
		w.accepts = cmp.Or(w.accepts, either)
	case e != goesOn:
		w.drops = cmp.Or(w.drops, either)
	}
	w.packet.MarkUnsure = w.packet.MarkUnsure || try.packet.MarkUnsure || try.packet.Mark != w.packet.Mark
	if try.packet.State != w.packet.State {
		w.packet.State = ""
	}
}

// target does what a rule says. It returns the end of the packet, or whether this chain is left.
func (w *walk) target(b base, here *Step, depth int) (e end, by *Step, left bool) {
	t := here.Rule.Target
	switch t.Kind {
	case fact.TargetNone, fact.TargetLog, fact.TargetTCPMSS:
		return goesOn, nil, false
	case fact.TargetMark, fact.TargetConnMark, fact.TargetNoTrack:
		w.alter(here, t)
		return goesOn, nil, false
	case fact.TargetAccept:
		return accept, here, false
	case fact.TargetDrop:
		return drop, here, false
	case fact.TargetReject:
		return reject, here, false
	case fact.TargetReturn:
		return goesOn, nil, true
	case fact.TargetDNAT, fact.TargetSNAT, fact.TargetMasquerade, fact.TargetRedirect:
		w.translate(here, t)
		return accept, here, false
	case fact.TargetJump, fact.TargetGoto:
		return w.jump(b, here, depth)
	}
	w.unknown(here, "what "+cmp.Or(t.Text, string(t.Kind))+" does is not known")
	return goesOn, nil, false
}

// jump goes into another chain of the same table, and on behind the rule when that ends without a verdict (goto: on
// behind the rule that led here).
func (w *walk) jump(b base, here *Step, depth int) (e end, by *Step, left bool) {
	t := here.Rule.Target
	to := b.table.Chain(t.Chain)
	switch {
	case to == nil:
		w.unknown(here, "the chain "+t.Chain+" was not read")
		return goesOn, nil, false
	case depth > deepest:
		w.unknown(here, "chains are nested deeper than the kernel allows")
		return goesOn, nil, true
	}
	e, by = w.chain(b, to, depth+1)
	return e, by, t.Kind == fact.TargetGoto
}

// unknown notes a rule that may end the packet either way.
func (w *walk) unknown(at *Step, why string) {
	d := doubt{at, why}
	w.accepts, w.drops = cmp.Or(w.accepts, d), cmp.Or(w.drops, d)
}

// alter changes what goes along with the packet; its way stays the same.
func (w *walk) alter(here *Step, t fact.Target) {
	p := &w.packet
	switch {
	case t.Kind == fact.TargetNoTrack:
		p.State = "UNTRACKED"
	case t.Kind == fact.TargetConnMark && t.Text != "restore":
	case t.Kind == fact.TargetConnMark:
		p.MarkUnsure = true
	default:
		p.Mark = p.Mark&^t.Mask ^ t.Value
		p.MarkUnsure = p.MarkUnsure && t.Mask != ^uint32(0)
		w.did = append(w.did, *here)
	}
}

// translate changes an address or port. What the kernel chooses by itself (a
// masquerade's address, a port out of a range) becomes the zero value.
func (w *walk) translate(here *Step, t fact.Target) {
	p := &w.packet
	w.translated = true
	w.did = append(w.did, *here)
	one := t.To.First
	if t.To.First != t.To.Last {
		one = netip.Addr{}
	}
	switch t.Kind {
	case fact.TargetDNAT:
		if t.To.First.IsValid() {
			p.Dst = one
		}
		p.DstPort = port(p.DstPort, t.Ports)
	case fact.TargetRedirect:
		p.DstPort = port(p.DstPort, t.Ports)
	case fact.TargetSNAT:
		if t.To.First.IsValid() {
			p.Src = one
		}
		p.SrcPort = port(p.SrcPort, t.Ports)
	case fact.TargetMasquerade:
		p.Src = netip.Addr{}
	}
}

func port(old uint16, r fact.PortRange) uint16 {
	switch {
	case r == fact.PortRange{}:
		return old
	case r.First == r.Last:
		return r.First
	}
	return 0
}

func (w *walk) step(b base, c *fact.Chain, r *fact.Rule) *Step {
	s := &Step{Backend: b.table.Backend, Family: b.table.Family, Table: b.table.Name, Chain: c.Name, Rule: r, Hits: c.Hits, Policy: c.Policy}
	if r != nil {
		s.Hits, s.Policy = r.Hits, ""
	}
	return s
}
