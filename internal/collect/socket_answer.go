//go:build linux

package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// diagAnswer is one answer of socket diagnosis while it comes in.
type diagAnswer struct {
	seq  uint32
	rows []fact.Socket
	// row reads a row instead of rows, where it is set.
	row  func([]byte)
	done bool
	// torn: the kernel said that the dump was interrupted.
	torn bool
}

var errDiag = errors.New("not an answer of socket diagnosis")

// take reads one datagram of the answer. Messages of another question are left
// out: they are the rest of one that was given up.
func (a *diagAnswer) take(b []byte) error {
	msgs, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return fmt.Errorf("%w: %w", errDiag, err)
	}
	for _, m := range msgs {
		if m.Header.Seq != a.seq {
			continue
		}
		a.torn = a.torn || m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
		switch m.Header.Type {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			a.done = true
			return netlinkError(m.Data)
		case unix.SOCK_DIAG_BY_FAMILY:
			if a.row != nil {
				a.row(m.Data)
				continue
			}
			s, err := diagSocket(m.Data)
			if err != nil {
				return err
			}
			a.rows = append(a.rows, s)
		}
	}
	return nil
}

// netlinkError reads the number that ends an answer; none at all means success.
func netlinkError(b []byte) error {
	if len(b) < 4 {
		return nil
	}
	if n := int32(binary.NativeEndian.Uint32(b)); n < 0 {
		return syscall.Errno(-n)
	}
	return nil
}

// diagSocket reads a struct inet_diag_msg and its attributes. For a listener
// the receive queue is the accept queue and the send queue its limit.
func diagSocket(b []byte) (fact.Socket, error) {
	var s fact.Socket
	if len(b) < diagMsgLen {
		return s, fmt.Errorf("%w: %d bytes", errDiag, len(b))
	}
	var local netip.Addr
	switch b[0] {
	case unix.AF_INET:
		local = netip.AddrFrom4([4]byte(b[8:12]))
	case unix.AF_INET6:
		local = netip.AddrFrom16([16]byte(b[8:24]))
	default:
		return s, fmt.Errorf("%w: address family %d", errDiag, b[0])
	}
	s.Local = netip.AddrPortFrom(local, binary.BigEndian.Uint16(b[4:]))
	s.Queue = binary.NativeEndian.Uint32(b[56:])
	s.Backlog, s.BacklogKnown = binary.NativeEndian.Uint32(b[60:]), true
	s.UID = binary.NativeEndian.Uint32(b[64:])
	s.Inode = uint64(binary.NativeEndian.Uint32(b[68:]))
	attrs, err := netlink.NewAttributeDecoder(b[diagMsgLen:])
	if err != nil {
		return s, fmt.Errorf("%w: %w", errDiag, err)
	}
	for attrs.Next() {
		if attrs.Type() == diagV6Only {
			s.V6Only = attrs.Uint8() != 0
		}
	}
	if err := attrs.Err(); err != nil {
		return s, fmt.Errorf("%w: %w", errDiag, err)
	}
	return s, nil
}
