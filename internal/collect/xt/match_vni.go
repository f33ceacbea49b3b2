package xt

import (
	"slices"

	"fairway/internal/fact"
)

// u32Match is struct xt_u32: tests of 180 bytes, ntests, invert. Understood is
// the one test with which engines up to 23.0 pick a VXLAN network:
// 0>>22&0x3C@12&0xFFFFFF00=VNI<<8.
func u32Match(family string, d []byte) ([]fact.Match, bool) {
	const (
		and, right, at = 0, 2, 3
		values         = 11 * 8 // behind the locations
	)
	tests, not := d[1980], d[1981]
	locations, found := d[176], d[177]
	if family != ip4 || tests != 1 || not > 1 || locations != 5 || found != 1 {
		return nil, false
	}
	want := []struct {
		number uint32
		op     byte
	}{{0, d[4]}, {22, right}, {0x3c, and}, {12, at}, {0xffffff00, and}}
	for i, w := range want {
		if u32(d, i*8) != w.number || d[i*8+4] != w.op {
			return nil, false
		}
	}
	low, high := u32(d, values), u32(d, values+4)
	if low != high || low&0xff != 0 {
		return nil, false
	}
	return []fact.Match{{Kind: fact.MatchVNI, Not: not == 1, Value: low >> 8}}, true
}

// instruction is struct sock_filter.
type instruction struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

// vniAt is where the program has the number it looks for.
const vniAt = 4

// pickVNI is the program with which engines since 20.10.24 and 23.0.3 pick a
// VXLAN network, of both families.
var pickVNI = []instruction{
	{0x20, 0, 0, 0xfffff034}, // A = where the payload of UDP starts
	{0x07, 0, 0, 0},          // X = A
	{0x40, 0, 0, 4},          // A = the word with the network's number
	{0x74, 0, 0, 8},          // A >>= 8
	{0x15, 1, 0, 0},          // is it the one?
	{0x06, 0, 0, 0},          // no
	{0x06, 0, 0, 0xffffffff}, // yes
}

// bpf0 is struct xt_bpf_info: the number of instructions, the program.
func bpf0(_ string, d []byte) ([]fact.Match, bool) { return bpf(u16(d, 0), d[4:]) }

// bpf1 is struct xt_bpf_info_v1: mode, the number of instructions, fd, the program.
func bpf1(_ string, d []byte) ([]fact.Match, bool) {
	const bytecode = 0
	if u16(d, 0) != bytecode {
		return nil, false
	}
	return bpf(u16(d, 2), d[8:])
}

func bpf(n uint16, d []byte) ([]fact.Match, bool) {
	if int(n) != len(pickVNI) {
		return nil, false
	}
	var got []instruction
	for i := range len(pickVNI) {
		got = append(got, instruction{u16(d, i*8), d[i*8+2], d[i*8+3], u32(d, i*8+4)})
	}
	vni := got[vniAt].k
	got[vniAt].k = 0
	return []fact.Match{{Kind: fact.MatchVNI, Value: vni}}, vni < 1<<24 && slices.Equal(got, pickVNI)
}
