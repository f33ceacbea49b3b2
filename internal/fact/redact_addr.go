package fact

import (
	"net/netip"
	"slices"
)

// addrAliases maps addresses to addresses. It decides bit by bit: whether a bit is
// turned over depends on the bits before it alone, so two addresses share as many
// leading bits as their aliases do. (The way of Crypto-PAn, Xu et al. 2002, with
// bits that stay: those that tell a class, and those of hosts in a subnet.)
type addrAliases struct {
	key []byte
	// blocks are subnets below whose prefix all bits stay, apart from each other,
	// sorted. wide are those too wide for that: too few bits before them can turn.
	blocks, wide []netip.Prefix
	// own are addresses that were seen as such.
	own  map[netip.Addr]bool
	done map[netip.Addr]netip.Addr
}

// classes are the ranges in which an address must stay: what is in one stays in
// it, what is in none stays in none.
var classes = prefixes("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fe80::/64", "fc00::/8", "fd00::/8")

// special addresses mean something by themselves, and stay.
var special = prefixes("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/8", "64:ff9b::/96", "fe80::/10", "ff00::/8")

// nat64 holds IPv4 addresses in its last four bytes (RFC 6052), engineRange the
// subnets that engines take for bridges of their own.
var (
	nat64       = netip.MustParsePrefix("64:ff9b::/96")
	engineRange = netip.MustParsePrefix("172.16.0.0/12")
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// within returns which of some prefixes that are apart holds an address; the zero
// Prefix for none.
func within(list []netip.Prefix, a netip.Addr) netip.Prefix {
	for _, p := range list {
		if p.Contains(a) {
			return p
		}
	}
	return netip.Prefix{}
}

// fixedBits is how many leading bits of an address tell its class: they stay. All
// of them for a special address.
func fixedBits(a netip.Addr) int {
	if p := within(classes, a); p.IsValid() {
		return p.Bits()
	}
	if within(special, a).IsValid() {
		return a.BitLen()
	}
	for bits := range a.BitLen() {
		p, _ := a.Prefix(bits)
		if !slices.ContainsFunc(classes, p.Overlaps) && !slices.ContainsFunc(special, p.Overlaps) {
			return bits
		}
	}
	return a.BitLen()
}

// enough is how many bits must be free to turn before a subnet whose hosts keep
// theirs. The engine's own bridges, 172.17.0.0/16 and so on, have four.
func enough(p netip.Prefix) bool {
	free := p.Bits() - fixedBits(p.Addr())
	return free >= 8 || free >= 4 && engineRange.Contains(p.Addr())
}

// shape sorts the subnets that are known.
func (a *addrAliases) shape(known []netip.Prefix) {
	slices.SortFunc(known, netip.Prefix.Compare)
	known = slices.DeleteFunc(slices.Compact(known), func(p netip.Prefix) bool { return p.Bits() == 0 || p.IsSingleIP() })
	var last netip.Prefix
	for i, p := range known {
		inner := i+1 < len(known) && p.Overlaps(known[i+1])
		switch {
		case last.IsValid() && last.Overlaps(p):
		case enough(p):
			a.blocks, last = append(a.blocks, p), p
		case !inner:
			a.wide = append(a.wide, p)
		}
	}
}

// find is within for many prefixes, sorted.
func among(list []netip.Prefix, x netip.Addr) netip.Prefix {
	i, ok := slices.BinarySearchFunc(list, x, func(p netip.Prefix, x netip.Addr) int { return p.Addr().Compare(x) })
	if !ok {
		i--
	}
	if i >= 0 && list[i].Contains(x) {
		return list[i]
	}
	return netip.Prefix{}
}

// alias is what stands for an address.
func (a *addrAliases) alias(x netip.Addr) netip.Addr {
	if !x.IsValid() {
		return x
	}
	if z := x.Zone(); z != "" {
		return a.alias(x.WithZone("")).WithZone(z)
	}
	if y, ok := a.done[x]; ok {
		return y
	}
	y := a.work(x)
	a.done[x] = y
	return y
}

func (a *addrAliases) work(x netip.Addr) netip.Addr {
	switch {
	case x.Is4In6(), nat64.Contains(x):
		b := x.As16()
		four := a.alias(netip.AddrFrom4([4]byte(b[12:]))).As4()
		copy(b[12:], four[:])
		return netip.AddrFrom16(b)
	case x.Is6():
		return a.interfaceID(x, a.turned(x))
	}
	wide := among(a.wide, x)
	if !wide.IsValid() {
		return a.turned(x)
	}
	// The first and the last address of a subnet stay so; what would take their
	// place takes what they would have become.
	first, last := wide.Addr(), lastOf(wide)
	image, _ := a.turned(first).Prefix(wide.Bits())
	switch y := a.turned(x); {
	case x == first:
		return image.Addr()
	case x == last:
		return lastOf(image)
	default:
		for range 2 {
			switch y {
			case image.Addr():
				y = a.turned(first)
			case lastOf(image):
				y = a.turned(last)
			}
		}
		return y
	}
}

// turned turns bits over.
func (a *addrAliases) turned(x netip.Addr) netip.Addr {
	from := fixedBits(x)
	to := x.BitLen()
	if p := among(a.blocks, x); p.IsValid() {
		to = p.Bits()
	} else if p := among(a.wide, x); p.IsValid() {
		to = min(max(p.Bits(), from+8), to)
	}
	if from >= to {
		return x
	}
	in := x.AsSlice()
	out := slices.Clone(in)
	for k := from / 8; k*8 < to; k++ {
		// One draw decides for all bits that may follow these bytes.
		draw := prf(a.key, "address", []byte{byte(x.BitLen())}, in[:k])
		for j := range 8 {
			if i := 8*k + j; i < from || i >= to {
				continue
			}
			node := 1<<j | int(in[k])>>(8-j)
			if draw[node/8]>>(node%8)&1 == 1 {
				out[k] ^= 0x80 >> j
			}
		}
	}
	y, _ := netip.AddrFromSlice(out)
	return y
}

// interfaceID puts the alias of a MAC address where an IPv6 address was made of it
// (modified EUI-64, RFC 4291 appendix A). Subnets of such have 64 bits.
func (a *addrAliases) interfaceID(x, y netip.Addr) netip.Addr {
	b, out := x.As16(), y.As16()
	if b[11] != 0xff || b[12] != 0xfe || fixedBits(x) == 128 {
		return y
	}
	m := a.mac(MAC{b[8] ^ 2, b[9], b[10], b[13], b[14], b[15]})
	copy(out[8:], []byte{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
	return netip.AddrFrom16(out)
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// mac is what stands for a MAC address. Those that the engine makes of an IPv4
// address stay so. Its bridges have random ones that look alike (seen on 20.10 and
// 26.1): one whose bytes would be a special address, which stays, is scrambled
// within its kind. Group addresses that mean something stay; the bits that tell
// groups and local ones stay, too.
func (a *addrAliases) mac(m MAC) MAC {
	switch {
	case m.IsZero(), m == MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}:
		return m
	case m[0] == 0x02 && m[1] == 0x42:
		if x := netip.AddrFrom4([4]byte(m[2:])); within(special, x).IsValid() && !a.own[x] {
			return a.scrambled(m, 3)
		}
		return OverlayMAC(a.alias(netip.AddrFrom4([4]byte(m[2:]))))
	case m[0] == 0x33 && m[1] == 0x33 && m[2] == 0xff: // of an address's last three bytes
		return a.scrambled(m, 3)
	case m[0]&1 == 1:
		return m
	}
	for m = a.scrambled(m, 0); m[0] == 0x02 && m[1] == 0x42; {
		m = a.scrambled(m, 0)
	}
	return m
}

// scrambled permutes a MAC address's bytes from one on. The low half of the first
// stays.
func (a *addrAliases) scrambled(m MAC, from int) MAC {
	out := m
	for i := from; i < len(m); i++ {
		high := permutation(a.key, "mac", m[:i], 16)[m[i]>>4]
		low := m[i] & 15
		if i > 0 {
			low = permutation(a.key, "mac low", m[:i], 16)[low]
		}
		out[i] = high<<4 | low
	}
	return out
}

// permutation maps 0…n-1 to itself, differently for each context; n is at most 32.
func permutation(key []byte, what string, context []byte, n int) (out [32]byte) {
	draw := prf(key, what, context)
	for i := range n {
		out[i] = byte(i)
	}
	for i := n - 1; i > 0; i-- {
		j := int(draw[i]) % (i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return out
}
