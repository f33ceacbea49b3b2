package ipvs

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/mdlayher/netlink"

	"fairway/internal/fact"
)

// familyID finds the number of IPVS in a dump of the families; 0 when it is not
// among them.
func familyID(list []netlink.Message) (uint16, error) {
	for i := range list {
		var id uint16
		var name string
		err := within(&list[i], func(d *netlink.AttributeDecoder) {
			switch d.Type() {
			case ctrlFamilyID:
				id = d.Uint16()
			case ctrlFamilyName:
				name = d.String()
			}
		})
		if err != nil {
			return 0, err
		}
		if name == familyName {
			return id, nil
		}
	}
	return 0, nil
}

// info reads the version: a number of three bytes, 0x010201 for "1.2.1".
func info(list []netlink.Message, v *fact.IPVS) error {
	return first(list, func(d *netlink.AttributeDecoder) {
		if d.Type() == infoVersion {
			n := d.Uint32()
			v.Version = fmt.Sprintf("%d.%d.%d", n>>16&0xff, n>>8&0xff, n&0xff)
		}
	})
}

// config reads the timeouts, which the kernel tells in seconds.
func config(list []netlink.Message, v *fact.IPVS) error {
	return first(list, func(d *netlink.AttributeDecoder) {
		switch d.Type() {
		case attrTCP:
			v.TCPTimeout = seconds(d.Uint32())
		case attrTCPFin:
			v.TCPFinTimeout = seconds(d.Uint32())
		case attrUDP:
			v.UDPTimeout = seconds(d.Uint32())
		}
	})
}

// first reads an answer of one message.
func first(list []netlink.Message, each func(*netlink.AttributeDecoder)) error {
	if len(list) == 0 {
		return fmt.Errorf("%w: it is empty", ErrAnswer)
	}
	return within(&list[0], each)
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

// services reads a dump of virtual services.
func services(list []netlink.Message) ([]fact.VirtualService, error) {
	return entries(list, attrService, service)
}

// entries reads a dump of things that are each one attribute of that type.
func entries[T any](list []netlink.Message, attr uint16, read func([]byte) (T, error)) ([]T, error) {
	var out []T
	for i := range list {
		err := within(&list[i], func(d *netlink.AttributeDecoder) {
			if d.Type() != attr {
				return
			}
			d.Do(func(b []byte) error {
				v, err := read(b)
				out = append(out, v)
				return err
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func service(b []byte) (fact.VirtualService, error) {
	var s fact.VirtualService
	var family, proto, at uint16
	var raw []byte
	var flags uint32
	var old, wide *fact.IPVSStats
	err := attributes(b, func(d *netlink.AttributeDecoder) {
		switch d.Type() {
		case svcFamily:
			family = d.Uint16()
		case svcProto:
			proto = d.Uint16()
		case svcAddr:
			raw = d.Bytes()
		case svcPort:
			port(d, &at)
		case svcMark:
			s.Mark = d.Uint32()
		case svcScheduler:
			s.Scheduler = d.String()
		case svcFlags:
			d.Do(func(b []byte) (err error) { flags, err = flagsOf(b); return err })
		case svcTimeout:
			s.Persistent = seconds(d.Uint32())
		case svcStats:
			d.Do(stats(&old))
		case svcStats64:
			d.Do(stats(&wide))
		}
	})
	if err != nil {
		return s, err
	}
	s.OnePacket = flags&flagOnePacket != 0
	if flags&flagPersistent == 0 {
		s.Persistent = 0 // the kernel keeps a number that means nothing
	}
	s.Stats = either(wide, old)
	if s.Family, err = word(family); err != nil || s.Mark != 0 {
		return s, err
	}
	s.Proto = protocol(proto)
	s.Addr, err = endpoint(family, raw, at)
	return s, err
}

// backends reads a dump of one service's destinations. They are of the service's
// family unless they say otherwise.
func backends(list []netlink.Message, of string) ([]fact.RealServer, error) {
	return entries(list, attrDest, func(b []byte) (fact.RealServer, error) { return backend(b, of) })
}

func backend(b []byte, of string) (fact.RealServer, error) {
	var r fact.RealServer
	family, at := uint16(familyInet), uint16(0)
	if of == "ip6" {
		family = familyInet6
	}
	var raw []byte
	var old, wide *fact.IPVSStats
	err := attributes(b, func(d *netlink.AttributeDecoder) {
		switch d.Type() {
		case destAddr:
			raw = d.Bytes()
		case destPort:
			port(d, &at)
		case destForward:
			r.Forward = forward(d.Uint32())
		case destWeight:
			r.Weight = int(int32(d.Uint32()))
		case destActive:
			r.Active = d.Uint32()
		case destInactive:
			r.Inactive = d.Uint32()
		case destFamily:
			family = d.Uint16()
		case destStats:
			d.Do(stats(&old))
		case destStats64:
			d.Do(stats(&wide))
		}
	})
	if err != nil {
		return r, err
	}
	r.Stats = either(wide, old)
	r.Addr, err = endpoint(family, raw, at)
	return r, err
}

// stats reads a set of counters.
func stats(into **fact.IPVSStats) func([]byte) error {
	var s fact.IPVSStats
	*into = &s
	return nested(func(d *netlink.AttributeDecoder) {
		switch d.Type() {
		case statConns:
			s.Conns = counted(d)
		case statInPackets:
			s.InPackets = counted(d)
		case statOutPackets:
			s.OutPackets = counted(d)
		}
	})
}

// counted reads a counter of four or eight bytes. Those of the old set are of
// four, but not in every kernel all of them.
func counted(d *netlink.AttributeDecoder) (v uint64) {
	d.Do(func(b []byte) error {
		switch len(b) {
		case 4:
			v = uint64(binary.NativeEndian.Uint32(b))
		case 8:
			v = binary.NativeEndian.Uint64(b)
		default:
			return fmt.Errorf("a counter of %d bytes", len(b))
		}
		return nil
	})
	return v
}

func either(wide, old *fact.IPVSStats) fact.IPVSStats {
	switch {
	case wide != nil:
		return *wide
	case old != nil:
		return *old
	}
	return fact.IPVSStats{}
}

// flagsOf reads a struct ip_vs_flags: flags, and a mask that only writers use.
func flagsOf(b []byte) (uint32, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("flags of %d bytes", len(b))
	}
	return binary.NativeEndian.Uint32(b), nil
}

// endpoint reads an address from the 16 bytes that the kernel has for either
// family.
func endpoint(family uint16, raw []byte, at uint16) (netip.AddrPort, error) {
	switch {
	case family == familyInet && len(raw) >= 4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw)), at), nil
	case family == familyInet6 && len(raw) >= 16:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(raw)), at), nil
	}
	return netip.AddrPort{}, fmt.Errorf("%w: an address of family %d with %d bytes", ErrAnswer, family, len(raw))
}

func word(family uint16) (string, error) {
	switch family {
	case familyInet:
		return "ip", nil
	case familyInet6:
		return "ip6", nil
	}
	return "", fmt.Errorf("%w: a service of address family %d", ErrAnswer, family)
}

// protocols are those that IPVS balances.
var protocols = map[uint16]string{6: "tcp", 17: "udp", 132: "sctp", 50: "esp", 51: "ah"}

func protocol(n uint16) string {
	if p, ok := protocols[n]; ok {
		return p
	}
	return strconv.Itoa(int(n))
}

// number is what protocol named.
func number(proto string) uint16 {
	for n, p := range protocols {
		if p == proto {
			return n
		}
	}
	n, _ := strconv.ParseUint(proto, 10, 16)
	return uint16(n)
}

// forward names the lowest three bits of a connection's flags
// (IP_VS_CONN_F_FWD_MASK).
func forward(n uint32) string {
	switch n & forwardMask {
	case 0:
		return "masq"
	case 1:
		return "local"
	case 2:
		return "tunnel"
	case 3:
		return "route"
	}
	return "bypass"
}
