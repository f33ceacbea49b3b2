package nft

import (
	"encoding/binary"
	"slices"

	"fairway/internal/fact"
)

// field is a part of a packet, or of what the kernel knows of it, for which there
// is a word.
type field struct {
	kind fact.MatchKind
	size int
	read reader
	// iface is that of an address type.
	iface string
}

// reader makes conditions of the spans in which a field must be, or with not must
// not be: lists of which one must hold, each a list of which all must. It says
// false for what there is no word for.
type reader func(p *program, f field, q question) ([][]fact.Match, bool)

// question is what a field is compared with.
type question struct {
	spans     []span
	mask, xor []byte
	not       bool
}

// span is lo to hi, both included, in the order of their bytes.
type span struct{ lo, hi []byte }

func (s span) point() bool { return slices.Equal(s.lo, s.hi) }

// points returns the values when every span is but one.
func (q question) points() ([][]byte, bool) {
	var out [][]byte
	for _, s := range q.spans {
		if !s.point() {
			return nil, false
		}
		out = append(out, s.lo)
	}
	return out, true
}

// header is where in a packet a field lies.
type header struct {
	base, at uint32
	field    field
	// valid says whether it is there, from what is known of the packet so far.
	valid func(*program) bool
}

// Bases of a payload.
const (
	linkBase      = 0
	networkBase   = 1
	transportBase = 2
	innerBase     = 3
)

// Protocols by their numbers.
const (
	icmp    = 1
	tcp     = 6
	udp     = 17
	dccp    = 33
	icmp6   = 58
	sctp    = 132
	udpLite = 136
)

// headers is where the fields are.
var headers = []header{
	{linkBase, 12, field{kind: fact.MatchFamily, size: 2, read: etherType}, (*program).framed},
	{networkBase, 6, field{kind: fact.MatchFragment, size: 2, read: fragment}, (*program).v4},
	{networkBase, 9, field{kind: fact.MatchProtocol, size: 1, read: protocol}, (*program).v4},
	{networkBase, 12, field{kind: fact.MatchSource, size: 4, read: address}, (*program).v4},
	{networkBase, 16, field{kind: fact.MatchDestination, size: 4, read: address}, (*program).v4},
	{networkBase, 8, field{kind: fact.MatchSource, size: 16, read: address}, (*program).v6},
	{networkBase, 24, field{kind: fact.MatchDestination, size: 16, read: address}, (*program).v6},
	{transportBase, 0, field{kind: fact.MatchSourcePort, size: 2, read: ports}, over(tcp, udp, dccp, sctp, udpLite)},
	{transportBase, 2, field{kind: fact.MatchDestinationPort, size: 2, read: ports}, over(tcp, udp, dccp, sctp, udpLite)},
	{transportBase, 0, field{kind: fact.MatchICMPType, size: 1, read: icmpType}, over(icmp, icmp6)},
	{transportBase, 12, field{kind: fact.MatchVNI, size: 3, read: vni}, over(udp)},
	{transportBase, 13, field{kind: fact.MatchTCPFlags, size: 1, read: tcpFlags}, over(tcp)},
	{innerBase, 4, field{kind: fact.MatchVNI, size: 3, read: vni}, over(udp)},
}

func (p *program) v4() bool     { return p.l3 == 4 }
func (p *program) v6() bool     { return p.l3 == 6 }
func (p *program) framed() bool { return p.family == "bridge" || p.family == "netdev" }

// over says that the packet is of one of the protocols for sure.
func over(protos ...uint8) func(*program) bool {
	return func(p *program) bool {
		return len(p.l4) > 0 && !slices.ContainsFunc(p.l4, func(n uint8) bool { return !slices.Contains(protos, n) })
	}
}

// fields finds the words for the first bytes of a load: one, or for payload
// several that lie side by side. The last may be cut short if its kind has a
// word for that.
func (p *program) fields(l *load, size int) []field {
	switch l.from {
	case meta, ct, fib:
		f, ok := known(l)
		if !ok || size != f.size && f.kind != fact.MatchIn && f.kind != fact.MatchOut {
			return nil
		}
		return []field{f}
	case payload:
		return p.inPacket(l, size)
	}
	return nil
}

func (p *program) inPacket(l *load, size int) []field {
	var out []field
	for at := l.at; size > 0; {
		i := slices.IndexFunc(headers, func(h header) bool { return h.base == l.key && h.at == at && h.valid(p) })
		if i < 0 {
			return nil
		}
		f := headers[i].field
		if f.size > size && f.kind != fact.MatchSource && f.kind != fact.MatchDestination {
			return nil
		}
		out = append(out, f)
		at += uint32(f.size)
		size -= f.size
	}
	return out
}

// metaFields and ctFields are what the kernel knows of a packet and has a word.
var (
	metaFields = map[uint32]field{
		metaProtocol: {kind: fact.MatchFamily, size: 2, read: etherType},
		metaMark:     {kind: fact.MatchMark, size: 4, read: mark},
		metaIn:       {kind: fact.MatchIn, size: 4, read: linkIndex},
		metaOut:      {kind: fact.MatchOut, size: 4, read: linkIndex},
		metaInName:   {kind: fact.MatchIn, size: ifNameSize, read: linkName},
		metaOutName:  {kind: fact.MatchOut, size: ifNameSize, read: linkName},
		metaFamily:   {kind: fact.MatchFamily, size: 1, read: family},
		metaL4:       {kind: fact.MatchProtocol, size: 1, read: protocol},
		metaSecPath:  {kind: fact.MatchPolicy, size: 1, read: secPath},
	}
	ctFields = map[uint32]field{
		ctState:  {kind: fact.MatchState, size: 4, read: state},
		ctStatus: {kind: fact.MatchState, size: 4, read: status},
		ctMark:   {kind: fact.MatchConnMark, size: 4, read: mark},
	}
)

func known(l *load) (f field, ok bool) {
	switch l.from {
	case fib:
		return addressTypeField(l.at)
	case ct:
		f, ok = ctFields[l.key]
	case meta:
		f, ok = metaFields[l.key]
	}
	return f, ok
}

// addressTypeField is fib's question for the type of an address, which may be
// limited to one interface.
func addressTypeField(flags uint32) (field, bool) {
	const saddr, daddr, iif, oif = 1, 2, 8, 16
	f := field{size: 4, read: addressType}
	switch flags &^ (iif | oif) {
	case saddr:
		f.kind = fact.MatchSourceType
	case daddr:
		f.kind = fact.MatchDestinationType
	default:
		return f, false
	}
	switch flags & (iif | oif) {
	case iif:
		f.iface = "in"
	case oif:
		f.iface = "out"
	case iif | oif:
		return f, false
	}
	return f, true
}

// host reads a number that the kernel keeps in its own byte order.
func host(b []byte) (uint32, bool) {
	if len(b) != 4 {
		return 0, false
	}
	return binary.NativeEndian.Uint32(b), true
}
