// Package xt understands the matches and targets of xtables: the bytes that
// iptables hands to the kernel's extensions, and that both of its backends
// hand back.
//
// The structures are those of the kernel's uapi headers (linux/netfilter,
// 6.1), as a 64-bit kernel lays them out.
package xt

import (
	"bytes"
	"encoding/binary"

	"fairway/internal/fact"
)

// Match says what a match looks at: all of the list must hold, and an empty list
// always holds. What is not understood whole, by name, revision and size, comes
// back as one MatchOpaque whose Text is the name; what is understood in part, as
// the part and a MatchOpaque.
//
// Family is "ip" or "ip6"; of any other nothing is understood. Data is the
// structure of the extension, padded to eight bytes as the kernel pads it; it is
// not kept. A set's name is not among the data: see [FillSets].
func Match(family, name string, rev uint8, data []byte) []fact.Match {
	c, ok := find(matches, family, name, rev)
	if !ok || !fits(c.size, data) {
		return opaque(name)
	}
	m, ok := c.decode(family, data)
	if !ok {
		return opaque(name)
	}
	return m
}

// Target says what a target does. What is not understood whole, by name,
// revision and size, is a TargetOpaque whose Text is the name. The name "" is
// the standard target, of which only verdicts are understood: to follow its
// jumps takes the table it stands in.
//
// Family and data are as for [Match].
func Target(family, name string, rev uint8, data []byte) fact.Target {
	c, ok := find(targets, family, name, rev)
	if !ok || !fits(c.size, data) {
		return opaqueTarget(name)
	}
	t, ok := c.decode(family, data)
	if !ok {
		return opaqueTarget(name)
	}
	return t
}

// extension is how the kernel names one. Family is empty where both families
// have the same structure.
type extension struct {
	family, name string
	rev          uint8
}

// find looks an extension up in a table.
func find[C any](table map[extension]C, family, name string, rev uint8) (c C, ok bool) {
	if family != ip4 && family != ip6 {
		return c, false
	}
	if c, ok = table[extension{family, name, rev}]; !ok {
		c, ok = table[extension{"", name, rev}]
	}
	return c, ok
}

// matchCodec decodes size bytes. It says false for what it does not understand.
type matchCodec struct {
	size   int
	decode func(family string, d []byte) ([]fact.Match, bool)
}

type targetCodec struct {
	size   int
	decode func(family string, d []byte) (fact.Target, bool)
}

const (
	ip4 = "ip"
	ip6 = "ip6"
)

// fits: the structure's size, and nothing but the kernel's padding behind it.
func fits(size int, data []byte) bool { return len(data) == (size+7)&^7 }

func opaque(name string) []fact.Match {
	return []fact.Match{{Kind: fact.MatchOpaque, Text: name}}
}

func opaqueTarget(name string) fact.Target {
	if name == "" {
		name = "standard"
	}
	return fact.Target{Kind: fact.TargetOpaque, Text: name}
}

// u16 and u32 are numbers as the kernel computes with them, be16 as they travel.
func u16(d []byte, at int) uint16  { return binary.NativeEndian.Uint16(d[at:]) }
func u32(d []byte, at int) uint32  { return binary.NativeEndian.Uint32(d[at:]) }
func be16(d []byte, at int) uint16 { return binary.BigEndian.Uint16(d[at:]) }

// text is a C string; ok says that its end is within.
func text(d []byte) (s string, ok bool) {
	head, _, ok := bytes.Cut(d, []byte{0})
	return string(head), ok
}

// bool8 is a flag that must be 0 or 1.
func bool8(b byte) (set, ok bool) { return b == 1, b <= 1 }
