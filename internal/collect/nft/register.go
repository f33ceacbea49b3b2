package nft

import (
	"bytes"
	"fmt"
)

// source is where the content of a register came from.
type source uint8

const (
	unknown  source = iota
	constant        // of the rule itself
	payload
	meta
	ct
	fib
	route
)

// load is what a register holds, symbolically.
type load struct {
	from source
	// key is the payload's base, or which of meta, ct, fib or rt; at is the
	// payload's offset or fib's flags.
	key, at uint32
	size    int
	// mask and xor were laid over it; nil for none.
	mask, xor []byte
	data      []byte // of a constant
	name      string // how to speak of it
}

// plain reports whether nothing was computed with it.
func (l *load) plain() bool { return l.mask == nil }

// words is how many 32-bit registers it takes.
func (l *load) words() int { return (l.size + 3) / 4 }

// registers are the 16 words that a rule computes with.
type registers [16]struct {
	load *load
	word int // which of the load's
}

// slot is the first word of a register by the kernel's numbers: 1 to 4 are of
// four words, 8 to 23 of one.
func slot(reg uint32) (int, bool) {
	switch {
	case reg >= 1 && reg <= 4:
		return int(reg-1) * 4, true
	case reg >= 8 && reg < 24:
		return int(reg - 8), true
	}
	return 0, false
}

// put stores a load. What is unknown takes all words from there on.
func (r *registers) put(reg uint32, l *load) bool {
	at, ok := slot(reg)
	n := l.words()
	if l.from == unknown {
		n = len(r) - at
	}
	if !ok || at+n > len(r) {
		return false
	}
	for i := range n {
		r[at+i].load, r[at+i].word = l, i
	}
	if l.from == unknown { // each word of it may be looked at
		for i := range n {
			r[at+i].word = 0
		}
	}
	return true
}

// get returns the loads that lie in size bytes from a register on, each in words
// of its own.
func (r *registers) get(reg uint32, size int) []*load {
	at, ok := slot(reg)
	var out []*load
	for size > 0 {
		if !ok || at >= len(r) || r[at].load == nil || r[at].word != 0 {
			return nil
		}
		l := r[at].load
		if l.from == unknown {
			return []*load{l}
		}
		for i := range l.words() {
			if at+i >= len(r) || r[at+i].load != l || r[at+i].word != i {
				return nil
			}
		}
		out = append(out, l)
		at += l.words()
		size -= l.words() * 4
	}
	return out
}

// one returns the single load in a register; unknown when there is none, or
// several.
func (r *registers) one(reg uint32, size int) *load {
	if ls := r.get(reg, size); len(ls) == 1 && (ls[0].from == unknown || size <= ls[0].size) {
		return ls[0]
	}
	return &load{name: "register"}
}

// fixed returns the constant in a register.
func (r *registers) fixed(reg uint32, size int) ([]byte, bool) {
	l := r.one(reg, size)
	return l.data, l.from == constant && len(l.data) == size
}

// bitwise lays mask and xor over a load: (value & mask) ^ xor.
func bitwise(l *load, mask, xor []byte) *load {
	if l.from == unknown || l.from == constant || len(mask) > l.size || len(mask) != len(xor) {
		return &load{name: l.name}
	}
	out := *l
	out.size, out.mask, out.xor = len(mask), bytes.Clone(mask), bytes.Clone(xor)
	if l.mask != nil {
		for i := range out.mask {
			out.xor[i] ^= l.xor[i] & mask[i]
			out.mask[i] &= l.mask[i]
		}
	}
	return &out
}

// Keys of meta and ct that are understood (NFT_META_*, NFT_CT_*).
const (
	metaProtocol, metaPriority, metaMark, metaIn, metaOut, metaInName, metaOutName = 1, 2, 3, 4, 5, 6, 7
	metaTrace, metaSecMark, metaFamily, metaL4, metaSecPath                        = 12, 14, 15, 16, 25
	ctState, ctStatus, ctMark, ctLabels, ctEvents                                  = 0, 2, 3, 13, 18
	fibType                                                                        = 3
	rtMSS                                                                          = 3
)

// The words of nft for what an expression looks at, by the kernel's numbers. They
// only say what is not understood.
var (
	baseWords = []string{"ll", "nh", "th", "ih"}
	metaWords = []string{"length", "protocol", "priority", "mark", "iif", "oif", "iifname", "oifname", "iiftype", "oiftype",
		"skuid", "skgid", "nftrace", "rtclassid", "secmark", "nfproto", "l4proto", "ibrname", "obrname", "pkttype", "cpu",
		"iifgroup", "oifgroup", "cgroup", "random", "secpath", "iifkind", "oifkind", "ibrpvid", "ibrvproto", "time", "day",
		"hour", "sdif", "sdifname", "broute"}
	ctWords = []string{"state", "direction", "status", "mark", "secmark", "expiration", "helper", "l3proto", "saddr", "daddr",
		"protocol", "proto-src", "proto-dst", "label", "packets", "bytes", "avgpkt", "zone", "event", "ip saddr", "ip daddr",
		"ip6 saddr", "ip6 daddr", "id"}
	objectWords = []string{"", "counter", "quota", "ct helper", "limit", "ct count", "tunnel", "ct timeout", "secmark",
		"ct expectation", "synproxy"}
)

func word(words []string, n uint32) string {
	if n < uint32(len(words)) {
		return words[n]
	}
	return fmt.Sprint(n)
}

// metaSizes are the bytes of the keys that are understood.
var metaSizes = map[uint32]int{metaProtocol: 2, metaMark: 4, metaIn: 4, metaOut: 4, metaInName: ifNameSize,
	metaOutName: ifNameSize, metaFamily: 1, metaL4: 1, metaSecPath: 1}

const ifNameSize = 16

// load runs an expression that fills a register. It says false for one that does
// not.
func (p *program) load(e *expr) bool {
	l := &load{name: e.name}
	var reg uint32
	switch {
	case e.name == "payload" && e.has(payloadDReg):
		reg = e.n(payloadDReg)
		*l = load{from: payload, key: e.n(payloadBase), at: e.n(payloadOffset), size: int(e.n(payloadLen))}
		l.name = fmt.Sprintf("payload @%s,%d,%d", word(baseWords, l.key), l.at*8, l.size*8)
	case e.name == "meta" && e.has(metaDReg):
		reg = e.n(metaDReg)
		*l = load{from: meta, key: e.n(metaKey), size: metaSizes[e.n(metaKey)]}
		l.name = "meta " + word(metaWords, l.key)
	case e.name == "ct" && e.has(ctDReg):
		reg = e.n(ctDReg)
		*l = load{from: ct, key: e.n(ctKey), name: "ct " + word(ctWords, e.n(ctKey))}
		if !e.has(ctDirection) && (l.key == ctState || l.key == ctStatus || l.key == ctMark) {
			l.size = 4
		}
	case e.name == "fib":
		reg = e.n(fibDReg)
		*l = load{from: fib, key: e.n(fibResult), at: e.n(fibFlags), name: "fib"}
		if l.key == fibType {
			l.size = 4
		}
	case e.name == "rt":
		reg = e.n(rtDReg)
		*l = load{from: route, key: e.n(rtKey), name: "rt"}
		if l.key == rtMSS {
			l.size = 2
		} else {
			p.opaque("rt") // it may end the rule where there is no route
		}
	case e.name == "numgen":
		reg = e.n(numgenDReg)
	case e.name == "hash":
		reg = e.n(hashDReg)
	default:
		return false
	}
	p.store(e, reg, l)
	return true
}

// store fills a register; a load without a size is unknown.
func (p *program) store(e *expr, reg uint32, l *load) {
	if l.size <= 0 || l.size > 64 {
		*l = load{name: l.name}
	}
	if !e.known || !p.regs.put(reg, l) {
		p.strange(e)
	}
}

// compute runs an expression that changes a register. It says false for one that
// does not.
func (p *program) compute(e *expr) bool {
	switch e.name {
	case "bitwise":
		l := p.regs.one(e.n(bitSReg), int(e.n(bitLen)))
		out := &load{name: l.name}
		if e.n(bitOp) == 0 && len(e.data(bitMask)) == int(e.n(bitLen)) {
			out = bitwise(l, e.data(bitMask), e.data(bitXor))
		}
		p.store(e, e.n(bitDReg), out)
	case "byteorder":
		l := p.regs.one(e.n(byteSReg), int(e.n(byteLen)))
		out := &load{name: l.name}
		if l.from == route { // a segment size on its way into a packet
			out = l
		}
		p.store(e, e.n(byteDReg), out)
	default:
		return false
	}
	return true
}
