package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// burst bounds what is read at one go, since a flood never runs dry.
const burst = 256

// socket is a descriptor on the network poller: waiting for it parks a
// goroutine, not a thread.
type socket struct {
	file *os.File
	raw  syscall.RawConn
	stop func() bool
}

// open makes a socket, hands it to start, which may connect it or send from it,
// and puts it on the poller. Waiting ends with ctx. When start fails the socket
// is closed and start's error returned as it is.
func open(ctx context.Context, in Sockets, domain, typ, proto int, start func(fd int) error) (*socket, error) {
	fd, err := in.Socket(domain, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return nil, err
	}
	if err := start(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "probe")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("put a socket on the poller: %w", err)
	}
	past := time.Unix(1, 0)
	stop := context.AfterFunc(ctx, func() { file.SetDeadline(past) })
	return &socket{file, raw, stop}, nil
}

// close ends a connected socket the ordinary way, with FIN.
func (s *socket) close() {
	s.stop()
	s.file.Close()
}

// control runs f with the descriptor.
func (s *socket) control(f func(fd int)) {
	// It fails only on a closed socket, and only its owner closes it.
	_ = s.raw.Control(func(fd uintptr) { f(int(fd)) })
}

// until waits for the socket until done says true or the context ends, and asks
// done once more at the end: on a busy machine the answer may lie there unread
// when the time is over. A nil error means that done said true.
func (s *socket) until(wait func(f func(fd uintptr) bool) error, done func(fd int) bool) error {
	ready := func(fd uintptr) bool { return done(int(fd)) }
	err := wait(ready)
	if err != nil {
		s.control(func(fd int) {
			if done(fd) {
				err = nil
			}
		})
	}
	return err
}

// connected waits for the end of a connect that is under way: nil when it
// stands, the kernel's word when it failed, os.ErrDeadlineExceeded at the end
// of the context.
func (s *socket) connected() error {
	var result error
	wait := s.until(s.raw.Write, func(fd int) bool {
		code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = syscall.Errno(code)
		}
		if err != nil {
			result = err
			return true
		}
		// The poller may wake us for nothing: only a peer is proof.
		_, err = unix.Getpeername(fd)
		return err == nil
	})
	return errors.Join(wait, result)
}

// receive hands each datagram to accept until it says true. cut says that the
// datagram was longer than buf. The kernel's word ends it, and so does the
// context.
func (s *socket) receive(ctx context.Context, buf []byte, accept func(b []byte, cut bool) bool) error {
	var result error
	for {
		more := false
		wait := s.until(s.raw.Read, func(fd int) bool {
			for range burst {
				n, _, flags, _, err := unix.Recvmsg(fd, buf, nil, 0)
				switch {
				case errors.Is(err, unix.EAGAIN):
					return false
				case errors.Is(err, unix.EINTR):
				case err != nil:
					result = err
					return true
				case accept(buf[:n], flags&unix.MSG_TRUNC != 0):
					return true
				}
			}
			more = true
			return true
		})
		switch {
		case !more || wait != nil:
			return errors.Join(wait, result)
		case ctx.Err() != nil:
			return os.ErrDeadlineExceeded
		}
	}
}

// unsent reports whether something this socket sent is still in a queue of this
// host: its memory is charged until the last queue lets go of it.
// SO_MEMINFO's third word is SK_MEMINFO_WMEM_ALLOC (Linux 4.12).
func unsent(fd int) bool {
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	return errno == 0 && size >= 12 && info[2] > 0
}

// wantErrors asks for the ICMP errors that concern a socket.
func wantErrors(fd, domain int) error {
	err := error(nil)
	if domain == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	} else {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	}
	if err != nil {
		return fmt.Errorf("ask a socket for ICMP errors: %w", err)
	}
	return nil
}

// refusal is one entry of a socket's error queue.
type refusal struct {
	errno syscall.Errno
	// icmp is nil when this host's kernel refused.
	icmp *fact.ICMPError
	// info is the MTU of a "too big".
	info uint32
	// quoted is the packet refused, from its transport header on. It is cut
	// short by routers.
	quoted []byte
}

// nextRefusal takes one entry off the error queue.
func nextRefusal(fd int) (refusal, bool) {
	var data, oob [512]byte
	n, oobn, _, _, err := unix.Recvmsg(fd, data[:], oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if err != nil {
		return refusal{}, false
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return refusal{}, false
	}
	for _, m := range messages {
		v4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
		v6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if v4 || v6 {
			r, ok := parseRefusal(m.Data)
			r.quoted = append([]byte(nil), data[:n]...)
			return r, ok
		}
	}
	return refusal{}, false
}

// parseRefusal reads struct sock_extended_err and the sockaddr of the sender
// behind it (linux/errqueue.h).
func parseRefusal(b []byte) (refusal, bool) {
	const size = 16
	if len(b) < size {
		return refusal{}, false
	}
	r := refusal{errno: syscall.Errno(binary.NativeEndian.Uint32(b)), info: binary.NativeEndian.Uint32(b[8:])}
	if origin := b[4]; origin == unix.SO_EE_ORIGIN_ICMP || origin == unix.SO_EE_ORIGIN_ICMP6 {
		r.icmp = &fact.ICMPError{Type: b[5], Code: b[6], From: sender(b[size:])}
	}
	return r, true
}

func sender(b []byte) netip.Addr {
	if len(b) < 2 {
		return netip.Addr{}
	}
	switch family := binary.NativeEndian.Uint16(b); {
	case family == unix.AF_INET && len(b) >= 8:
		return netip.AddrFrom4([4]byte(b[4:8]))
	case family == unix.AF_INET6 && len(b) >= 24:
		return netip.AddrFrom16([16]byte(b[8:24])).Unmap()
	}
	return netip.Addr{}
}

// sockaddr returns the address family of a and what connect(2) wants. An IPv6
// zone is an interface index: names belong to another namespace.
func sockaddr(a netip.AddrPort) (domain int, to unix.Sockaddr, err error) {
	addr := a.Addr().Unmap()
	switch {
	case addr.Is4():
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: addr.As4()}, nil
	case addr.Is6() && addr.Zone() == "":
		return unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: addr.As16()}, nil
	}
	return 0, nil, fmt.Errorf("connect to %s: not an address a socket can be given", a)
}
