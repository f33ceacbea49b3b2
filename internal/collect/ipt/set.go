package ipt

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"fairway/internal/collect/xt"
)

// Attributes and commands of ipset's netlink (linux/netfilter/ipset/ip_set.h).
const (
	cmdList      = 6<<8 | 7 // NFNL_SUBSYS_IPSET, IPSET_CMD_LIST
	attrProtocol = 1
	attrSetName  = 2
	attrTypeName = 3
	attrFlags    = 6
	attrData     = 7
	attrElements = 8 // IPSET_ATTR_ADT
	onlyHeader   = 1 << 2

	createNetmask = 20
	createCount   = 24
	createBitmask = 27

	elemIP     = 1
	elemCIDR   = 3
	elemExpiry = 6
	elemFlags  = 8
	elemBytes  = 24 // and from here on what only counts or comments

	ipv4 = 1
	ipv6 = 2

	// setProtocol is understood by every kernel.
	setProtocol = 6
	// genmsg is the length of struct nfgenmsg.
	genmsg = 4
)

// maxMembers bounds what is kept of a set: each match on it carries a copy.
const maxMembers = 16384

// setTypes hold addresses or prefixes and nothing else.
var setTypes = []string{"hash:ip", "hash:net", "bitmap:ip"}

// question asks for a set, or for what it is without its members.
func question(name string, flags uint32) (netlink.Message, error) {
	e := netlink.NewAttributeEncoder()
	e.Uint8(attrProtocol, setProtocol)
	e.String(attrSetName, name)
	if flags != 0 {
		e.ByteOrder = binary.BigEndian
		e.Uint32(attrFlags|netlink.NetByteOrder, flags)
	}
	attrs, err := e.Encode()
	return netlink.Message{
		Header: netlink.Header{Type: cmdList, Flags: netlink.Request | netlink.Dump},
		Data:   append([]byte{2, 0, 0, 0}, attrs...), // AF_INET, of no importance here
	}, err
}

// setAnswer is what was understood of an answer.
type setAnswer struct {
	typ     string
	count   uint32 // what the kernel says it holds
	counted bool
	netmask uint8 // of every member of a set of addresses; 0: none
	strange bool  // something was not understood: nothing can be said of members
	members []netip.Prefix
}

// simple: its members can be asked for.
func (a *setAnswer) simple() bool {
	return a.counted && a.count <= maxMembers && !a.strange && slices.Contains(setTypes, a.typ)
}

// set is the answer as a set. A set that is not understood has a name only.
func (a *setAnswer) set(name string) xt.Set {
	if !a.simple() || len(a.members) > maxMembers {
		return xt.Set{Name: name}
	}
	return xt.Set{Name: name, Members: a.members, Whole: true}
}

// take reads one message. A large set's members come in several.
func (a *setAnswer) take(b []byte) error {
	if len(b) < genmsg {
		return fmt.Errorf("a message of %d bytes", len(b))
	}
	d, err := netlink.NewAttributeDecoder(b[genmsg:])
	if err != nil {
		return err
	}
	for d.Next() {
		switch d.Type() {
		case attrTypeName:
			a.typ = d.String()
		case attrData:
			d.Nested(a.takeHeader)
		case attrElements:
			d.Nested(a.takeMembers)
		}
	}
	return d.Err()
}

func (a *setAnswer) takeHeader(d *netlink.AttributeDecoder) error {
	d.ByteOrder = binary.BigEndian
	for d.Next() {
		switch d.Type() {
		case createNetmask:
			a.netmask = d.Uint8()
		case createBitmask:
			a.strange = true
		case createCount:
			a.count, a.counted = d.Uint32(), true
		}
	}
	return nil
}

func (a *setAnswer) takeMembers(d *netlink.AttributeDecoder) error {
	for d.Next() {
		if d.Type() != attrData || len(a.members) > maxMembers {
			a.strange = true
			continue
		}
		d.Nested(a.takeMember)
	}
	return nil
}

// takeMember takes an address, with a length where the set has prefixes. One
// that is an exception ("nomatch") has flags.
func (a *setAnswer) takeMember(d *netlink.AttributeDecoder) error {
	var addr netip.Addr
	bits := int(a.netmask)
	d.ByteOrder = binary.BigEndian
	for d.Next() {
		switch {
		case d.Type() == elemIP:
			d.Nested(func(d *netlink.AttributeDecoder) error {
				addr = takeAddr(d)
				return nil
			})
		case d.Type() == elemCIDR:
			bits = int(d.Uint8())
		case d.Type() == elemFlags:
			a.strange = a.strange || d.Uint32() != 0
		case d.Type() != elemExpiry && d.Type() < elemBytes:
			a.strange = true
		}
	}
	if bits == 0 {
		bits = addr.BitLen()
	}
	p := netip.PrefixFrom(addr, bits)
	a.strange = a.strange || !p.IsValid() || p.Masked() != p
	a.members = append(a.members, p)
	return nil
}

// takeAddr reads a nested address; it is invalid when there is none.
func takeAddr(d *netlink.AttributeDecoder) (addr netip.Addr) {
	for d.Next() {
		b := d.Bytes()
		if d.Type() == ipv4 && len(b) == 4 || d.Type() == ipv6 && len(b) == 16 {
			addr, _ = netip.AddrFromSlice(b)
		}
	}
	return addr
}
