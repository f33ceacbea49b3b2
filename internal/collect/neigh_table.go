//go:build linux

package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// procNeighbours is in the machine's first namespace only; netlink tells the same
// in all.
const procNeighbours = procNet + "stat/arp_cache"

// Attributes of a neighbour table (linux/neighbour.h): its name, its limits, and
// struct ndt_config and ndt_stats.
const (
	ndtaName    = 1
	ndtaThresh1 = 2
	ndtaThresh2 = 3
	ndtaThresh3 = 4
	ndtaConfig  = 5
	ndtaStats   = 7
)

// The places of ndtc_entries and ndts_table_fulls. The latter came with 4.3.
const (
	entriesAt = 4
	fullsAt   = 80
)

// ndtMsgLen is the length of struct ndtmsg.
const ndtMsgLen = 4

var errNeighbourTable = errors.New("not a table of neighbours")

// readNeighbourTables asks for the tables that all namespaces share; the counters
// of rows refused are kept where /proc does not tell them.
func (s *space) readNeighbourTables() error {
	if s.ntErr != nil || s.nt == nil {
		return s.ntErr
	}
	if err := s.nt.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	list, err := s.nt.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETNEIGHTBL, Flags: netlink.Request | netlink.Dump}, Data: make([]byte, ndtMsgLen)})
	if err != nil {
		return err
	}
	for _, m := range list {
		t, fulls, err := neighbourTable(m.Data)
		if err != nil {
			return err
		}
		if t.Name != "arp_cache" && t.Name != "ndisc_cache" {
			continue // of an interface, or DECnet's
		}
		s.tables = append(s.tables, t)
		if name := t.Name + ".table_fulls"; s.held.Counter("", name) == nil {
			s.held.Counters = append(s.held.Counters, counter(name, fulls))
		}
	}
	sortCounters(s.held.Counters)
	return nil
}

// neighbourTable decodes one message. Those about the parameters of one interface
// have no limits; they come back without a name.
func neighbourTable(b []byte) (t fact.NeighbourTable, fulls uint64, err error) {
	if len(b) < ndtMsgLen {
		return t, 0, errNeighbourTable
	}
	d, err := netlink.NewAttributeDecoder(b[ndtMsgLen:])
	if err != nil {
		return t, 0, fmt.Errorf("%w: %w", errNeighbourTable, err)
	}
	whole := false
	for d.Next() {
		switch d.Type() {
		case ndtaName:
			t.Name = d.String()
		case ndtaThresh1:
			t.Thresh1 = int(d.Uint32())
		case ndtaThresh2:
			t.Thresh2 = int(d.Uint32())
		case ndtaThresh3:
			t.Thresh3, whole = int(d.Uint32()), true
		case ndtaConfig:
			if c := d.Bytes(); len(c) >= entriesAt+4 {
				t.Entries = int(binary.NativeEndian.Uint32(c[entriesAt:]))
			}
		case ndtaStats:
			if c := d.Bytes(); len(c) >= fullsAt+8 {
				fulls = binary.NativeEndian.Uint64(c[fullsAt:])
			}
		}
	}
	if err := d.Err(); err != nil {
		return t, 0, fmt.Errorf("%w: %w", errNeighbourTable, err)
	}
	if !whole {
		t.Name = ""
	}
	return t, fulls, nil
}
