//go:build linux

package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// stateEstablished is a connection that both ends have agreed to.
const stateEstablished = 1

// readWaiting counts, for published ports of the host whose socket takes IPv6 and
// has a queue, the connections over IPv6 in it: those that nobody has accepted
// have no inode yet. The kernel is asked for one port's only.
func (s *space) readWaiting() error {
	if s.held.Role != fact.RoleHost {
		return nil
	}
	for i := range s.held.Sockets {
		l := &s.held.Sockets[i]
		if l.Proto != "tcp" || l.Queue == 0 || !l.Local.Addr().Is6() || !slices.Contains(s.req.Ports, l.Local.Port()) {
			continue
		}
		if !s.gate.tcp {
			l.Waiting6 = waitingRows(s.texts[procNet+"tcp6"].data, l.Local.Port())
			continue
		}
		// A dump that was torn is off by those that came and went.
		n, err := s.diag.waiting(l.Local.Port())
		if err != nil && !errors.Is(err, errTorn) {
			return fmt.Errorf("connections that wait on port %d: %w", l.Local.Port(), err)
		}
		l.Waiting6 = n
	}
	return nil
}

// waiting asks for the established connections over IPv6 on a port.
func (c *diagConn) waiting(port uint16) (uint32, error) {
	request := diagRequest(unix.AF_INET6, unix.IPPROTO_TCP, 1<<stateEstablished)
	binary.BigEndian.PutUint16(request[8:], port)
	n := uint32(0)
	_, err := c.ask(request, func(b []byte) {
		if len(b) >= diagMsgLen && b[0] == unix.AF_INET6 && binary.BigEndian.Uint16(b[4:]) == port &&
			binary.NativeEndian.Uint32(b[68:]) == 0 && !netip.AddrFrom16([16]byte(b[24:40])).Is4In6() {
			n++
		}
	})
	return n, err
}

// waitingRows counts the same in /proc/net/tcp6.
func waitingRows(table []byte, port uint16) uint32 {
	n := uint32(0)
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		s, state, err := socketRow(f)
		if err != nil || state != stateEstablished || s.Local.Port() != port || s.Inode != 0 {
			continue
		}
		if peer, err := hexAddrPort(f[2]); err == nil && peer.Addr().Is6() && !peer.Addr().Is4In6() {
			n++
		}
	}
	return n
}
