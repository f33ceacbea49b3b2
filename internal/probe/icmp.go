package probe

import (
	"bytes"
	"encoding/binary"
)

// Lengths of an IPv4 header without options and of an ICMP echo's header.
const (
	ipHeader   = 20
	echoHeader = 8
)

// echoRequest builds an ICMP echo request that makes an IPv4 packet of size
// bytes, filled with token again and again.
func echoRequest(id, seq uint16, size int, token [8]byte) []byte {
	b := make([]byte, size-ipHeader)
	b[0] = 8 // echo request
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], seq)
	for at := echoHeader; at < len(b); {
		at += copy(b[at:], token[:])
	}
	binary.BigEndian.PutUint16(b[2:], checksum(b))
	return b
}

// checksum is RFC 1071's, over b with the sum's place zero.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// echoReply reads an IPv4 packet as a raw socket gives it. ok means that it is
// an echo reply with our id and our token to its last byte; size is that of the
// whole packet without IP options, so that it compares with the request's.
func echoReply(b []byte, id uint16, token [8]byte) (seq uint16, size int, ok bool) {
	if len(b) < ipHeader || b[0]>>4 != 4 {
		return 0, 0, false
	}
	header := int(b[0]&15) * 4
	if header < ipHeader || len(b) < header+echoHeader {
		return 0, 0, false
	}
	b = b[header:]
	if b[0] != 0 || b[1] != 0 || binary.BigEndian.Uint16(b[4:]) != id {
		return 0, 0, false
	}
	for fill := b[echoHeader:]; len(fill) > 0; fill = fill[min(len(token), len(fill)):] {
		if !bytes.HasPrefix(token[:], fill[:min(len(token), len(fill))]) {
			return 0, 0, false
		}
	}
	return binary.BigEndian.Uint16(b[6:]), len(b) + ipHeader, true
}
