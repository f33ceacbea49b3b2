//go:build linux

package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// procConntrack is missing where the kernel was built without NF_CONNTRACK_PROCFS,
// as Debian's are; netlink tells the same numbers there.
const procConntrack = procNet + "stat/nf_conntrack"

// openConntrack makes a socket where the table of /proc is missing and the kernel
// has the other way already. It must run inside.
func (s *space) openConntrack() {
	if s.gate.conntrack && errors.Is(s.texts[procConntrack].err, fs.ErrNotExist) {
		s.ct, s.ctErr = netlink.Dial(unix.NETLINK_NETFILTER, nil)
	}
}

// ctStats is IPCTNL_MSG_CT_GET_STATS_CPU of the subsystem for conntrack (Linux
// 3.5), and ctStatNames are its attributes by the names of /proc.
const ctStats = 1<<8 | 4

var ctStatNames = map[uint16]string{
	4: "invalid", 9: "insert_failed", 10: "drop", 11: "early_drop", 14: "clashres",
}

// nfGenLen is the length of struct nfgenmsg, before the attributes.
const nfGenLen = 4

// readConntrack adds conntrack's counters where /proc has none.
func (s *space) readConntrack() error {
	if s.ctErr != nil || s.ct == nil {
		return s.ctErr
	}
	if err := s.ct.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	list, err := s.ct.Execute(netlink.Message{
		Header: netlink.Header{Type: ctStats, Flags: netlink.Request | netlink.Dump}, Data: make([]byte, nfGenLen)})
	if err != nil {
		return err
	}
	rows, err := conntrackStats(list)
	s.held.Counters = append(s.held.Counters, rows...)
	sortCounters(s.held.Counters)
	return err
}

// conntrackStats adds up what is said of each processor.
func conntrackStats(list []netlink.Message) ([]fact.Counter, error) {
	sums := make(map[uint16]uint64)
	for _, m := range list {
		if len(m.Data) < nfGenLen {
			return nil, errCounters
		}
		d, err := netlink.NewAttributeDecoder(m.Data[nfGenLen:])
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errCounters, err)
		}
		d.ByteOrder = binary.BigEndian
		for d.Next() {
			if kind := d.Type(); ctStatNames[kind] != "" {
				sums[kind] += uint64(d.Uint32())
			}
		}
		if err := d.Err(); err != nil {
			return nil, fmt.Errorf("%w: %w", errCounters, err)
		}
	}
	var out []fact.Counter
	for kind, sum := range sums {
		out = append(out, counter("nf_conntrack."+ctStatNames[kind], sum))
	}
	return out, nil
}
