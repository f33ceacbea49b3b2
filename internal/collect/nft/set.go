package nft

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"fairway/internal/fact"
)

// set is a set or map in which rules look something up.
type set struct {
	name  string
	flags uint32
	// keyLen is the bytes of a key, all fields of it together.
	keyLen int
	// verdicts: what it maps to are verdicts.
	verdicts bool
	elems    []elem
	// whole: all elements were read, and all are understood.
	whole bool
}

type elem struct {
	key, keyEnd []byte
	end         bool
	rest        bool // the element for whatever is not in the set
	target      fact.Target
}

// Flags of a set.
const (
	anonymous = 1
	interval  = 4
	objects   = 0x40
)

const verdictType = 0xffffff00

func (d *dump) takeSet(m netlink.Message) error {
	a, _, ok := attributes(m.Data[genMsgLen:])
	if !ok || a[setName] == nil {
		return errGarbled
	}
	if len(d.sets) == maxSets {
		return tooMany(maxSets, "sets")
	}
	if d.sets == nil {
		d.sets = make(map[setKey]*set)
	}
	s := &set{name: text(a[setName]), flags: uint32(value(a[setFlags])), keyLen: int(value(a[setKeyLen])),
		verdicts: value(a[setDataType]) == verdictType}
	d.sets[setKey{m.Data[0], text(a[setTable]), s.name}] = s
	return nil
}

// takeElems reads one message of a set's elements.
func (d *dump) takeElems(s *set, m netlink.Message) error {
	a, _, ok := attributes(m.Data[genMsgLen:])
	if !ok {
		return errGarbled
	}
	full := false
	whole := each(a[elemsList], func(_ uint16, data []byte) bool {
		if full = len(s.elems) == maxElems || d.elems == maxAll; full {
			return false
		}
		e, ok := element(s, data)
		if !ok {
			s.whole = false
			return true
		}
		d.elems++
		s.elems = append(s.elems, e)
		return true
	})
	switch {
	case full:
		return errFull
	case !whole:
		return errGarbled
	}
	return nil
}

// element reads one element. It says false for one that may match or not beyond
// its key, such as one with a limit of its own.
func element(s *set, b []byte) (elem, bool) {
	a, more, ok := attributes(b)
	if !ok || more || !harmless(&a) {
		return elem{}, false
	}
	flags := value(a[elemFlags])
	e := elem{end: flags&isEnd != 0, rest: flags&isCatchAll != 0}
	e.key, ok = keyOf(a[elemKey], s.keyLen)
	if !ok && !e.rest {
		return elem{}, false
	}
	if a[elemKeyEnd] != nil {
		if e.keyEnd, ok = keyOf(a[elemKeyEnd], s.keyLen); !ok {
			return elem{}, false
		}
	}
	if s.verdicts && !e.end {
		v, _, whole := attributes(a[elemData])
		if e.target, ok = verdict(v[dataVerdict]); !ok || !whole {
			return elem{}, false
		}
	}
	return e, true
}

func keyOf(b []byte, size int) ([]byte, bool) {
	a, more, ok := attributes(b)
	key := a[dataValue]
	// Keys are padded to whole words where they have several fields.
	return bytes.Clone(key), ok && !more && len(key) > 0 && (len(key) == size || len(key) == (size+3)&^3)
}

// harmless reports whether an element's own expressions only count.
func harmless(a *attrs) bool {
	ok := true
	check := func(b []byte) {
		in, _, whole := attributes(b)
		name := text(in[exprName])
		ok = ok && whole && (name == "counter" || name == "last")
	}
	if a[elemExpr] != nil {
		check(a[elemExpr])
	}
	each(a[elemExprs], func(_ uint16, data []byte) bool { check(data); return ok })
	return ok
}

// entry is one key or range of keys of a set.
type entry struct {
	span
	target fact.Target
}

// entries puts the elements of a set in the order of their keys, and pairs those
// that begin and end a range. The one for all the rest comes apart.
func (s *set) entries() (list []entry, rest *fact.Target) {
	elems := make([]elem, 0, len(s.elems))
	for i := range s.elems {
		if s.elems[i].rest {
			rest = &s.elems[i].target
		} else {
			elems = append(elems, s.elems[i])
		}
	}
	slices.SortStableFunc(elems, func(a, b elem) int {
		first := map[bool]int{true: 0, false: 1} // an end before the next range
		return cmp.Or(bytes.Compare(a.key, b.key), cmp.Compare(first[a.end], first[b.end]))
	})
	for i := range elems {
		e := &elems[i]
		if e.end {
			continue
		}
		out := entry{span{e.key, e.key}, e.target}
		switch {
		case e.keyEnd != nil:
			out.hi = e.keyEnd
		case s.flags&interval == 0:
		case i+1 < len(elems):
			out.hi = before(elems[i+1].key)
		default:
			out.hi = bytes.Repeat([]byte{0xff}, len(e.key))
		}
		list = append(list, out)
	}
	return list, rest
}

// before is the key one less.
func before(key []byte) []byte {
	out := bytes.Clone(key)
	for i := len(out) - 1; i >= 0; i-- {
		out[i]--
		if out[i] != 0xff {
			break
		}
	}
	return out
}

// after is the key one more.
func after(key []byte) []byte {
	out := bytes.Clone(key)
	for i := len(out) - 1; i >= 0; i-- {
		out[i]++
		if out[i] != 0 {
			break
		}
	}
	return out
}

// named says a look-up of an address in a set that has a name of its own.
func (s *set) named(f field, spans []span, not bool) (fact.Match, bool) {
	direction := map[fact.MatchKind]string{fact.MatchSource: "src", fact.MatchDestination: "dst"}[f.kind]
	m := fact.Match{Kind: fact.MatchSet, Not: not, Text: fmt.Sprintf("%s %s", s.name, direction), Whole: s.whole}
	if !s.whole && s.flags&interval != 0 {
		spans = nil // where one end is missing, ranges are none
	}
	for _, sp := range spans {
		r, ok := addrRange(f.size, sp)
		if ok = ok && len(m.Members) < maxElems; !ok {
			m.Whole = false
			continue
		}
		m.Members = append(m.Members, prefixes(r)...)
	}
	return m, direction != "" && s.flags&anonymous == 0
}

// prefixes cuts a range into prefixes, in order.
func prefixes(r fact.AddrRange) []netip.Prefix {
	var out []netip.Prefix
	for at := r.First; at.IsValid() && at.Compare(r.Last) <= 0; {
		bits := at.BitLen()
		for bits > 0 {
			wider := netip.PrefixFrom(at, bits-1)
			if wider.Masked().Addr() != at || lastOf(wider).Compare(r.Last) > 0 {
				break
			}
			bits--
		}
		p := netip.PrefixFrom(at, bits)
		out = append(out, p)
		at = lastOf(p).Next()
	}
	return out
}

// lastOf is the highest address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
