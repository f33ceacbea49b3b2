package journal

import (
	"encoding/binary"
	"math/bits"
)

var le = binary.LittleEndian

// jenkins is Bob Jenkins' lookup3 (hashlittle2 with both seeds 0, the first word
// high), which journald used before files had keys (systemd 246).
func jenkins(data []byte) uint64 {
	a := 0xdeadbeef + uint32(len(data))
	b, c := a, a
	for len(data) > 12 {
		a, b, c = stir(a+le.Uint32(data), b+le.Uint32(data[4:]), c+le.Uint32(data[8:]))
		data = data[12:]
	}
	if len(data) > 0 {
		var last [12]byte
		copy(last[:], data)
		b, c = settle(a+le.Uint32(last[:]), b+le.Uint32(last[4:]), c+le.Uint32(last[8:]))
	}
	return uint64(c)<<32 | uint64(b)
}

// stir is lookup3's mix.
func stir(a, b, c uint32) (uint32, uint32, uint32) {
	a, c = (a-c)^bits.RotateLeft32(c, 4), c+b
	b, a = (b-a)^bits.RotateLeft32(a, 6), a+c
	c, b = (c-b)^bits.RotateLeft32(b, 8), b+a
	a, c = (a-c)^bits.RotateLeft32(c, 16), c+b
	b, a = (b-a)^bits.RotateLeft32(a, 19), a+c
	c, b = (c-b)^bits.RotateLeft32(b, 4), b+a
	return a, b, c
}

// settle is lookup3's final.
func settle(a, b, c uint32) (uint32, uint32) {
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	c = (c ^ b) - bits.RotateLeft32(b, 24)
	return b, c
}

// siphash is SipHash-2-4 (Aumasson, Bernstein 2012). The key of a file is its id.
func siphash(key [16]byte, data []byte) uint64 {
	k0, k1 := le.Uint64(key[:]), le.Uint64(key[8:])
	v := [4]uint64{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
	last := uint64(len(data)) << 56
	for ; len(data) >= 8; data = data[8:] {
		word(&v, le.Uint64(data))
	}
	for i, b := range data {
		last |= uint64(b) << (8 * i)
	}
	word(&v, last)
	v[2] ^= 0xff
	for range 4 {
		round(&v)
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}

func word(v *[4]uint64, m uint64) {
	v[3] ^= m
	round(v)
	round(v)
	v[0] ^= m
}

func round(v *[4]uint64) {
	v[0] += v[1]
	v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
	v[0] = bits.RotateLeft64(v[0], 32)
	v[2] += v[3]
	v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
	v[0] += v[3]
	v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
	v[2] += v[1]
	v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
	v[2] = bits.RotateLeft64(v[2], 32)
}
