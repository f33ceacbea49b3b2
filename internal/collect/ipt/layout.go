package ipt

import "encoding/binary"

// layout is where a family's struct ipt_entry or ip6t_entry has its fields, on
// a 64-bit kernel (linux/netfilter_ipv4/ip_tables.h, netfilter_ipv6/ip6_tables.h).
type layout struct {
	family string
	// addr is the length of an address. Source, destination and their masks come
	// first, then interface names and masks at ifaces.
	addr, ifaces         int
	proto, flags, invert int
	target, next         int
	counters             int
	// size is the whole header; matches follow.
	size int
	// jumpFlag marks a jump as a goto, fragment asks for later fragments; protoFlag
	// says that proto counts, which in IPv4 it does unless it is 0.
	jumpFlag, fragment, protoFlag byte
}

var (
	ip4 = layout{family: "ip", addr: 4, ifaces: 16, proto: 80, flags: 82, invert: 83, target: 88, next: 90,
		counters: 96, size: 112, jumpFlag: 2, fragment: 1}
	ip6 = layout{family: "ip6", addr: 16, ifaces: 64, proto: 128, flags: 131, invert: 132, target: 140, next: 142,
		counters: 152, size: 168, jumpFlag: 4, protoFlag: 1}
)

// The bits of invert.
const (
	notIn          = 1 << 0
	notOut         = 1 << 1
	notSource      = 1 << 3
	notDestination = 1 << 4
	notFragment    = 1 << 5
	notProto       = 1 << 6
)

// ifaceLen is IFNAMSIZ.
const ifaceLen = 16

// extHeader is the length of struct xt_entry_match and xt_entry_target: size,
// name of 29 bytes, revision. Data follows.
const extHeader = 32

// hooks is NF_INET_NUMHOOKS.
const hooks = 5

var chainNames = [hooks]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}

// infoSize is the length of struct ipt_getinfo.
const infoSize = 84

// info is what the kernel says of a table beforehand.
type info struct {
	valid            uint32 // a bit per hook
	start, underflow [hooks]uint32
	entries, size    uint32
}

// readInfo takes the fields out of infoSize bytes; the table's name is in the
// first 32.
func readInfo(b []byte) info {
	at := 32
	next := func() uint32 {
		at += 4
		return binary.NativeEndian.Uint32(b[at-4:])
	}
	in := info{valid: next()}
	for h := range hooks {
		in.start[h] = next()
	}
	for h := range hooks {
		in.underflow[h] = next()
	}
	in.entries, in.size = next(), next()
	return in
}
