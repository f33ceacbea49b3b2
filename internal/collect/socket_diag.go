//go:build linux

package collect

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// files are the tables of /proc for what the gate keeps shut. They say less.
func (g diagGate) files() []string {
	var out []string
	if !g.tcp {
		out = append(out, procNet+"tcp", procNet+"tcp6")
	}
	if !g.udp {
		out = append(out, procNet+"udp", procNet+"udp6")
	}
	return out
}

// procNet is the thread's own view; /proc/net would be the first thread's.
const procNet = "/proc/thread-self/net/"

// readSockets fills the listening TCP and bound UDP sockets.
func (s *space) readSockets() error {
	var failed error
	for _, p := range []struct {
		name   string
		number uint8
		state  uint
		diag   bool
	}{
		{"tcp", unix.IPPROTO_TCP, stateListen, s.gate.tcp},
		{"udp", unix.IPPROTO_UDP, stateClosed, s.gate.udp},
	} {
		var err error
		if p.diag {
			err = s.diagSockets(p.name, p.number, p.state)
		} else {
			err = s.procSockets(p.name)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	sortSockets(s.held.Sockets)
	if err := s.readWaiting(); err != nil {
		failed = errors.Join(failed, err)
	}
	return failed
}

func (s *space) procSockets(proto string) error {
	for _, file := range []string{procNet + proto, procNet + proto + "6"} {
		t := s.texts[file]
		if t.err != nil && file == procNet+proto+"6" && classOf(t.err) == fact.ClassNotExist {
			continue // a kernel without IPv6
		}
		rows, err := socketTable(proto, t.data)
		s.held.Sockets = append(s.held.Sockets, rows...)
		if err = errors.Join(t.err, err); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func (s *space) diagSockets(name string, number uint8, state uint) error {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		rows, err := dump(func() ([]fact.Socket, error) {
			return s.diag.dump(diagRequest(family, number, 1<<state))
		})
		if family == unix.AF_INET6 && errors.Is(err, unix.ENOENT) {
			continue // a kernel without IPv6
		}
		for _, row := range rows {
			row.Proto = name
			if number != unix.IPPROTO_TCP {
				row.Backlog, row.BacklogKnown = 0, false
			}
			if row.Local.Port() != 0 {
				s.held.Sockets = append(s.held.Sockets, row)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Sizes of the kernel's structures (linux/inet_diag.h).
const (
	diagReqLen = 56
	diagMsgLen = 72
	// diagV6Only is the attribute INET_DIAG_SKV6ONLY (Linux 3.9).
	diagV6Only = 11
)

// diagRequest asks for the sockets of a family and protocol in these states.
func diagRequest(family, proto uint8, states uint32) []byte {
	b := make([]byte, diagReqLen)
	b[0], b[1] = family, proto
	binary.NativeEndian.PutUint32(b[4:], states)
	return b
}

// diagConn is a socket that was born in the namespace it asks about.
type diagConn struct {
	fd  int
	seq uint32
	// buf serves every dump: a new one for each is most of what a look at a big
	// node allocates.
	buf []byte
}

func dialDiag() (*diagConn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open socket diagnosis: %w", err)
	}
	wait := unix.NsecToTimeval(answerWithin.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open socket diagnosis: %w", err)
	}
	return &diagConn{fd: fd, buf: make([]byte, diagBuffer)}, nil
}

// dump asks once and reads the answer to its end.
func (c *diagConn) dump(request []byte) ([]fact.Socket, error) { return c.ask(request, nil) }

// ask is dump with another reader of the rows, where one is given.
func (c *diagConn) ask(request []byte, row func([]byte)) ([]fact.Socket, error) {
	c.seq++
	m := netlink.Message{Header: netlink.Header{
		Length: uint32(unix.NLMSG_HDRLEN + len(request)), Type: unix.SOCK_DIAG_BY_FAMILY,
		Flags: netlink.Request | netlink.Dump, Sequence: c.seq}, Data: request}
	b, err := m.MarshalBinary()
	if err != nil {
		return nil, err
	}
	if err := unix.Sendto(c.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	a := diagAnswer{seq: c.seq, row: row}
	for !a.done {
		n, _, err := unix.Recvfrom(c.fd, c.buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return a.rows, err
		}
		if err := a.take(c.buf[:n]); err != nil {
			return a.rows, err
		}
	}
	if a.torn {
		return a.rows, errTorn
	}
	return a.rows, nil
}

// diagBuffer holds the largest datagram the kernel makes of a dump, 32 KiB.
const diagBuffer = 64 << 10

func (c *diagConn) close() { unix.Close(c.fd) }
