package nft

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"fairway/internal/collect/xt"
	"fairway/internal/fact"
)

// do runs an expression that does something with the packet, or lets only so many
// by. It says false for one that does not.
func (p *program) do(e *expr) bool {
	switch e.name {
	case "counter":
		p.count(e)
	case "limit":
		p.limit(e)
	case "objref":
		p.object(e)
	case "meta":
		p.setMeta(e)
	case "ct":
		p.setCT(e)
	case "exthdr":
		p.setOption(e)
	case "payload":
		p.end(opaqueTarget("payload set"))
	case "last": // says when it was last hit
	case "log":
		p.then(fact.Target{Kind: fact.TargetLog, Text: text(e.a[logPrefix])})
	case "notrack":
		p.then(fact.Target{Kind: fact.TargetNoTrack})
	case "target":
		p.then(xt.Target(p.family, text(e.a[extName]), uint8(e.n(extRev)), e.a[extInfo]))
	case "nat", "masq", "redir", "reject", "queue":
		p.leave(e)
	default:
		return false
	}
	return true
}

// leave runs a statement after which nothing of the rule runs.
func (p *program) leave(e *expr) {
	var t fact.Target
	ok := false
	switch e.name {
	case "nat":
		t, ok = p.nat(e)
	case "masq":
		t, ok = p.ownAddress(e, fact.TargetMasquerade, masqProtoMin, masqProtoMax, masqFlags)
	case "redir":
		t, ok = p.ownAddress(e, fact.TargetRedirect, redirProtoMin, redirProtoMax, redirFlags)
	case "reject":
		t, ok = reject(p.l3, e.n(rejectType), e.n(rejectCode))
	case "queue":
		t, ok = fact.Target{Kind: fact.TargetQueue, Value: e.n(queueNum)}, !e.has(queueSReg)
	}
	if !ok || !e.known {
		t = opaqueTarget(e.name)
	}
	p.end(t)
}

// count takes the counter. Of several the last counts.
func (p *program) count(e *expr) {
	const bytes, packets = 1, 2
	if len(e.a[bytes]) != counterSize || len(e.a[packets]) != counterSize {
		p.strange(e)
		return
	}
	p.hits = fact.Hits{Counted: true, Packets: value(e.a[packets]), Bytes: value(e.a[bytes])}
	p.counted = len(p.conditions)
}

func (p *program) limit(e *expr) {
	const packets, inverted = 0, 1
	rate, unit, burst := value(e.a[limitRate]), value(e.a[limitUnit]), e.n(limitBurst)
	kind, flags := e.n(limitType), e.n(limitFlags)
	m, ok := limit(rate, unit, uint64(burst))
	if kind != packets || !ok {
		what := map[bool]string{true: "", false: "bytes "}[kind == packets]
		m = fact.Match{Kind: fact.MatchLimit, Text: fmt.Sprintf("%d %sin %ds burst %d", rate, what, unit, burst)}
	}
	m.Not = flags&inverted != 0
	if !e.known || flags&^inverted != 0 || kind > 1 {
		p.strange(e)
		return
	}
	p.conditions = append(p.conditions, always(placed{m, last}))
}

// object runs a statement that has a name: a shared counter does nothing to the
// packet, nor does what only concerns its connection.
func (p *program) object(e *expr) {
	const counter, quota, helper, limit, connLimit, timeout, secMark, expectation = 1, 2, 3, 4, 5, 7, 8, 9
	what := fmt.Sprintf("%s %q", word(objectWords, e.n(objType)), text(e.a[objName]))
	switch e.n(objType) {
	case counter, helper, timeout, secMark, expectation:
	case quota, limit, connLimit:
		p.opaque(what)
	default:
		p.end(opaqueTarget(what))
	}
}

// setMeta runs a statement that sets something that goes along with the packet.
func (p *program) setMeta(e *expr) {
	switch e.n(metaKey) {
	case metaTrace, metaPriority, metaSecMark: // decides nothing here
		return
	case metaMark:
		l := p.regs.one(e.n(metaSReg), 4)
		if t, ok := marked(l, meta, metaMark, fact.TargetMark); ok {
			p.then(t)
			return
		}
		if l.from == ct && l.key == ctMark && l.plain() {
			p.then(fact.Target{Kind: fact.TargetConnMark, Text: "restore", Mask: ^uint32(0)})
			return
		}
	}
	p.end(opaqueTarget(fmt.Sprintf("meta %s set", word(metaWords, e.n(metaKey)))))
}

// setCT runs a statement that sets something of the connection.
func (p *program) setCT(e *expr) {
	switch e.n(ctKey) {
	case ctLabels, ctEvents: // decide nothing here
		return
	case ctMark:
		l := p.regs.one(e.n(ctSReg), 4)
		if t, ok := marked(l, ct, ctMark, fact.TargetConnMark); ok {
			t.Text = "set"
			p.then(t)
			return
		}
		if l.from == meta && l.key == metaMark && l.plain() {
			p.then(fact.Target{Kind: fact.TargetConnMark, Text: "save", Mask: ^uint32(0)})
			return
		}
	}
	p.end(opaqueTarget(fmt.Sprintf("ct %s set", word(ctWords, e.n(ctKey)))))
}

// marked reads a mark that is set to a constant, or to itself with some bits
// changed: (mark & kept) ^ changed.
func marked(l *load, from source, key uint32, kind fact.TargetKind) (fact.Target, bool) {
	t := fact.Target{Kind: kind, Mask: ^uint32(0)}
	var ok bool
	switch {
	case l.from == constant:
		t.Value, ok = host(l.data)
	case l.from == from && l.key == key && !l.plain():
		var kept uint32
		kept, ok = host(l.mask)
		t.Mask = ^kept
		t.Value, _ = host(l.xor)
	}
	return t, ok
}

// setOption runs a statement that changes a header's option: TCP's segment size.
func (p *program) setOption(e *expr) {
	const tcpOption, maxSeg, at, size = 1, 2, 2, 2
	if !e.has(hdrSReg) { // it loads an option, and ends the rule where there is none
		p.strange(e)
		return
	}
	mss := e.n(hdrOp) == tcpOption && e.n(hdrType) == maxSeg && e.n(hdrOffset) == at && e.n(hdrLen) == size
	l := p.regs.one(e.n(hdrSReg), size)
	switch {
	case mss && e.known && l.from == constant:
		p.then(fact.Target{Kind: fact.TargetTCPMSS, Value: uint32(binary.BigEndian.Uint16(l.data))})
	case mss && e.known && l.from == route:
		p.then(fact.Target{Kind: fact.TargetTCPMSS, Value: 0xffff, Text: "clamp-mss-to-pmtu"})
	default:
		p.end(opaqueTarget("header option set"))
	}
}

// The flags of a translation (NF_NAT_RANGE_*). The first two repeat what else is
// there; the next three choose among equals.
const (
	natPlain   = 1 | 2
	natRandom  = 1 << 2
	natPersist = 1 << 3
	natFully   = 1 << 4
)

// how spells the flags of a translation in the words that package xt has.
func how(flags uint32) (string, bool) {
	var words []string
	for _, f := range []flag{{natRandom, "random"}, {natPersist, "persistent"}, {natFully, "random-fully"}} {
		if flags&f.bit != 0 {
			words = append(words, f.word)
		}
	}
	return strings.Join(words, " "), flags&^(natPlain|natRandom|natPersist|natFully) == 0
}

func (p *program) nat(e *expr) (fact.Target, bool) {
	kinds := []fact.TargetKind{fact.TargetSNAT, fact.TargetDNAT}
	typ := e.n(natType)
	if int(typ) >= len(kinds) {
		return fact.Target{}, false
	}
	t := fact.Target{Kind: kinds[typ]}
	flags, ok := how(e.n(natFlags))
	t.Text = flags
	size := map[uint32]int{2: 4, 10: 16}[e.n(natFamily)]
	if e.has(natAddrMin) {
		low, fine := p.regs.fixed(e.n(natAddrMin), size)
		high := low
		if e.has(natAddrMax) && e.n(natAddrMax) != e.n(natAddrMin) {
			high, ok = p.also(ok, e.n(natAddrMax), size)
		}
		t.To.First, _ = netip.AddrFromSlice(low)
		t.To.Last, _ = netip.AddrFromSlice(high)
		ok = ok && fine && t.To.First.IsValid() && t.To.Last.IsValid()
	}
	ports, fine := p.portRange(e, natProtoMin, natProtoMax)
	t.Ports = ports
	return t, ok && fine
}

func (p *program) also(ok bool, reg uint32, size int) ([]byte, bool) {
	b, fine := p.regs.fixed(reg, size)
	return b, ok && fine
}

// ownAddress is a translation to an address that the kernel finds by itself.
func (p *program) ownAddress(e *expr, kind fact.TargetKind, low, high, flags int) (fact.Target, bool) {
	words, ok := how(e.n(flags))
	ports, fine := p.portRange(e, low, high)
	return fact.Target{Kind: kind, Text: words, Ports: ports}, ok && fine
}

// portRange reads the registers of two ports; without a second the first is all.
func (p *program) portRange(e *expr, low, high int) (fact.PortRange, bool) {
	if !e.has(low) {
		return fact.PortRange{}, !e.has(high)
	}
	first, ok := p.regs.fixed(e.n(low), 2)
	last := first
	if e.has(high) {
		last, ok = p.also(ok, e.n(high), 2)
	}
	if !ok {
		return fact.PortRange{}, false
	}
	return fact.PortRange{First: binary.BigEndian.Uint16(first), Last: binary.BigEndian.Uint16(last)}, true
}

// Answers of reject: ICMP's and ICMPv6's codes for "unreachable" in iptables'
// words, and nf_tables' own codes that fit both.
var (
	answers4 = map[uint32]string{0: "icmp-net-unreachable", 1: "icmp-host-unreachable", 2: "icmp-proto-unreachable",
		3: "icmp-port-unreachable", 9: "icmp-net-prohibited", 10: "icmp-host-prohibited", 13: "icmp-admin-prohibited"}
	answers6 = map[uint32]string{0: "icmp6-no-route", 1: "icmp6-adm-prohibited", 3: "icmp6-addr-unreachable",
		4: "icmp6-port-unreachable", 5: "icmp6-policy-fail", 6: "icmp6-reject-route"}
	answersAny = map[uint32]string{0: "icmpx-no-route", 1: "icmpx-port-unreachable", 2: "icmpx-host-unreachable",
		3: "icmpx-admin-prohibited"}
)

// reject says the answer; l3 is 4 or 6 where the packet is known to be so.
func reject(l3 int, typ, code uint32) (fact.Target, bool) {
	const unreachable, reset, any = 0, 1, 2
	t := fact.Target{Kind: fact.TargetReject}
	switch {
	case typ == unreachable && l3 == 6:
		t.Text = answers6[code]
	case typ == unreachable && l3 == 4:
		t.Text = answers4[code]
	case typ == unreachable:
		t.Text = fmt.Sprintf("icmp-unreachable code %d", code)
	case typ == reset:
		t.Text = "tcp-reset"
	case typ == any:
		t.Text = answersAny[code]
	}
	return t, t.Text != ""
}
