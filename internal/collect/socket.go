package collect

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"fairway/internal/fact"
)

// States of sockets as the kernel numbers them (net/tcp_states.h). A bound UDP
// socket without a peer is in the state closed.
const (
	stateClosed = 7
	stateListen = 10
)

// socketTable reads /proc/net/{tcp,tcp6,udp,udp6}: the listening rows of TCP,
// the bound ones of UDP. The accept queue's length is there, its limit is not;
// nor is whether an IPv6 socket takes IPv4 connections too.
func socketTable(proto string, b []byte) ([]fact.Socket, error) {
	want := uint64(stateListen)
	if proto == "udp" {
		want = stateClosed
	}
	var out []fact.Socket
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 0; lines.Scan(); n++ {
		f := strings.Fields(lines.Text())
		if n == 0 || len(f) == 0 {
			continue // the heading
		}
		s, state, err := socketRow(f)
		if err != nil {
			return out, fmt.Errorf("line %d: %w", n+1, err)
		}
		if state == want && s.Local.Port() != 0 {
			s.Proto = proto
			out = append(out, s)
		}
	}
	return out, lines.Err()
}

var errSocketRow = errors.New("not a row of a socket table")

// socketRow reads "sl local remote st tx:rx tr:when retrnsmt uid timeout inode …".
func socketRow(f []string) (s fact.Socket, state uint64, err error) {
	if len(f) < 10 {
		return s, 0, errSocketRow
	}
	var bad error
	number := func(text string, base, bits int) uint64 {
		v, err := strconv.ParseUint(text, base, bits)
		bad = cmp.Or(bad, err)
		return v
	}
	_, queue, ok := strings.Cut(f[4], ":")
	if !ok {
		return s, 0, errSocketRow
	}
	if s.Local, err = hexAddrPort(f[1]); err != nil {
		return s, 0, err
	}
	state = number(f[3], 16, 8)
	s.Queue = uint32(number(queue, 16, 32))
	s.UID = uint32(number(f[7], 10, 32))
	s.Inode = number(f[9], 10, 64)
	return s, state, bad
}

// hexAddrPort reads "0100007F:1F90": the address as 32-bit words in this
// machine's byte order, the port as a number.
func hexAddrPort(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, errSocketRow
	}
	for w := 0; w < len(raw); w += 4 {
		binary.NativeEndian.PutUint32(raw[w:], binary.BigEndian.Uint32(raw[w:]))
	}
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, errSocketRow
	}
	a, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a, uint16(p)), nil
}

// sortSockets gives an order that does not depend on the kernel's hash tables.
func sortSockets(list []fact.Socket) {
	slices.SortFunc(list, func(a, b fact.Socket) int {
		return cmp.Or(cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Local.Port(), b.Local.Port()),
			a.Local.Addr().Compare(b.Local.Addr()), cmp.Compare(a.Inode, b.Inode))
	})
}
