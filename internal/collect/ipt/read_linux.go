//go:build linux && (amd64 || arm64)

package ipt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

// source is where one family's tables are to be had.
type source struct {
	layout *layout
	// names lists the tables that exist in the namespace of who opens it. Asking
	// for another one would make it.
	names         string
	domain, level int
	fd            int
	tables        []string
}

// Read returns the legacy tables of a namespace, sorted by family and name, sets
// in their rules with names and members. What could not be read is in the error,
// together with the tables that could. It needs NET_ADMIN there.
func Read(at *netns.NS) ([]fact.RuleTable, error) {
	sources := []source{
		{layout: &ip4, names: "ip_tables_names", domain: unix.AF_INET, level: unix.SOL_IP},
		{layout: &ip6, names: "ip6_tables_names", domain: unix.AF_INET6, level: unix.SOL_IPV6},
	}
	var out []fact.RuleTable
	var errs []error
	for i := range sources {
		s := &sources[i]
		if err := at.Do(s.open); err != nil {
			errs = append(errs, err)
			continue
		}
		for _, name := range s.tables {
			t, err := s.read(name)
			if err != nil {
				errs = append(errs, fmt.Errorf("read %s table %s of iptables-legacy: %w", s.layout.family, name, err))
				continue
			}
			out = append(out, t)
		}
		s.close()
	}
	return out, errors.Join(append(errs, FillSets(at, out))...)
}

// open reads the list of tables and makes a socket; it must run inside. Without
// tables it makes none, so that nothing is asked of a kernel without IPv6.
func (s *source) open() (err error) {
	s.fd = -1
	if s.tables, err = tableNames("/proc/thread-self/net/" + s.names); err != nil || len(s.tables) == 0 {
		return err
	}
	// Any socket will do, so a raw one's NET_RAW is not needed.
	if s.fd, err = unix.Socket(s.domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open a socket for iptables-legacy: %w", err)
	}
	return nil
}

func (s *source) close() {
	if s.fd >= 0 {
		unix.Close(s.fd)
	}
}

// tableNames reads a list of tables, one a line. A kernel without them has no
// file.
func tableNames(path string) ([]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the tables of iptables-legacy: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return nil, fmt.Errorf("list the tables of iptables-legacy: %w", err)
	}
	names := strings.Fields(string(data))
	slices.Sort(names)
	return names, nil
}

const (
	getInfo    = 64 // IPT_SO_GET_INFO, IP6T_SO_GET_INFO
	getEntries = 65
	// entriesHeader is struct ipt_get_entries before its entries.
	entriesHeader = 40
	maxTable      = 64 << 20
	tries         = 4
)

// read reads one table.
func (s *source) read(name string) (fact.RuleTable, error) {
	head, entries, err := s.fetch(name)
	if err != nil {
		return fact.RuleTable{}, err
	}
	return decode(s.layout, name, readInfo(head), entries)
}

// fetch gets one table whole. Its size is asked for before, and must still be
// right when the entries come; what was said of it must be the same afterwards.
func (s *source) fetch(name string) (head, entries []byte, err error) {
	for range tries {
		head, err := s.info(name)
		if err != nil {
			return nil, nil, err
		}
		size := readInfo(head).size
		if size > maxTable {
			return nil, nil, errTooLarge
		}
		b := make([]byte, entriesHeader+int(size))
		copy(b, name)
		binary.NativeEndian.PutUint32(b[32:], size)
		if err := getsockopt(s.fd, s.level, getEntries, b); err == unix.EAGAIN {
			continue
		} else if err != nil {
			return nil, nil, err
		}
		again, err := s.info(name)
		if err != nil {
			return nil, nil, err
		}
		if bytes.Equal(head, again) {
			return head, b[entriesHeader:], nil
		}
	}
	return nil, nil, ErrTorn
}

func (s *source) info(name string) ([]byte, error) {
	b := make([]byte, infoSize)
	copy(b[:31], name)
	return b, getsockopt(s.fd, s.level, getInfo, b)
}

// getsockopt hands the buffer to the kernel, which reads the question from it
// and writes the answer over it, of the same length.
func getsockopt(fd, level, option int, b []byte) error {
	length := uint32(len(b))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&length)), 0)
	switch {
	case e != 0:
		return e
	case int(length) != len(b):
		return fmt.Errorf("an answer of %d bytes instead of %d", length, len(b))
	}
	return nil
}
