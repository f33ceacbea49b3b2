package ipvs

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
)

// Commands and attributes of generic netlink's controller and of IPVS
// (linux/genetlink.h, linux/ip_vs.h; the 64-bit counters since Linux 4.1, a
// backend's own address family since 3.18).
const (
	controller      = 0x10
	ctrlGetFamily   = 3
	ctrlFamilyID    = 1
	ctrlFamilyName  = 2
	familyName      = "IPVS"
	cmdGetService   = 4
	cmdGetDest      = 8
	cmdGetConfig    = 13
	cmdGetInfo      = 15
	attrService     = 1
	attrDest        = 2
	attrTCP         = 4
	attrTCPFin      = 5
	attrUDP         = 6
	infoVersion     = 1
	svcFamily       = 1
	svcProto        = 2
	svcAddr         = 3
	svcPort         = 4
	svcMark         = 5
	svcScheduler    = 6
	svcFlags        = 7
	svcTimeout      = 8
	svcStats        = 10
	svcStats64      = 12
	destAddr        = 1
	destPort        = 2
	destForward     = 3
	destWeight      = 4
	destActive      = 7
	destInactive    = 8
	destStats       = 10
	destFamily      = 11
	destStats64     = 12
	statConns       = 1
	statInPackets   = 2
	statOutPackets  = 3
	flagPersistent  = 1
	flagOnePacket   = 4
	forwardMask     = 7
	familyInet      = 2
	familyInet6     = 10
	genlHeaderLen   = 4
	protocolVersion = 1
)

// ErrAnswer says that an answer of the kernel was not understood.
var ErrAnswer = errors.New("not an answer of the kernel's load balancer")

// request makes one question. Dumps answer with any number of messages.
func request(family uint16, cmd byte, dump bool, attrs []byte) netlink.Message {
	flags := netlink.Request
	if dump {
		flags |= netlink.Dump
	}
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(family), Flags: flags},
		Data:   append([]byte{cmd, protocolVersion, 0, 0}, attrs...),
	}
}

// within reads the attributes of a message behind its generic header.
func within(m *netlink.Message, each func(*netlink.AttributeDecoder)) error {
	if len(m.Data) < genlHeaderLen {
		return fmt.Errorf("%w: %d bytes", ErrAnswer, len(m.Data))
	}
	return attributes(m.Data[genlHeaderLen:], each)
}

func attributes(b []byte, each func(*netlink.AttributeDecoder)) error {
	d, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	for d.Next() {
		each(d)
	}
	if err := d.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return nil
}

// nested returns a function for Do that reads attributes within an attribute.
func nested(each func(*netlink.AttributeDecoder)) func([]byte) error {
	return func(b []byte) error { return attributes(b, each) }
}

// port is a number in the order of the network, whatever the machine's is.
func port(d *netlink.AttributeDecoder, into *uint16) {
	d.Do(func(b []byte) error {
		if len(b) != 2 {
			return fmt.Errorf("a port of %d bytes", len(b))
		}
		*into = binary.BigEndian.Uint16(b)
		return nil
	})
}
