package collect

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"fairway/internal/fact"
)

// counterFiles lists the tables of counters to read in a namespace. softnet_stat
// is of the whole machine.
func counterFiles(role fact.NSRole) []string {
	files := []string{procNet + "snmp", procNet + "netstat", procNet + "stat/nf_conntrack"}
	if role == fact.RoleHost {
		files = append(files, procNet+"softnet_stat", procNet+"stat/arp_cache", procNet+"xfrm_stat")
	}
	return files
}

// readCounters adds the protocols' counters to those of the links. A table the
// kernel was built without is not there and no gap.
func (s *space) readCounters() error {
	var failed error
	for _, path := range counterFiles(s.held.Role) {
		t := s.texts[path]
		if errors.Is(t.err, fs.ErrNotExist) {
			continue
		}
		rows, err := counters(strings.TrimPrefix(path, procNet), t)
		s.held.Counters = append(s.held.Counters, rows...)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", path, err))
		}
	}
	sortCounters(s.held.Counters)
	return failed
}

func counters(file string, t text) ([]fact.Counter, error) {
	if t.err != nil {
		return nil, t.err
	}
	switch file {
	case "softnet_stat":
		return softnet(t.data)
	case "xfrm_stat":
		return xfrmStat(t.data)
	case "stat/nf_conntrack", "stat/arp_cache":
		return perCPU(strings.TrimPrefix(file, "stat/"), t.data)
	}
	return pairCounters(t.data)
}

// linkCounters are a link's counters by their names in /sys/class/net. Those of
// a NIC's ring are read for hardware only.
func linkCounters(link string, hardware bool, st *netlink.LinkStatistics) []fact.Counter {
	out := []fact.Counter{
		counter("rx_packets", st.RxPackets), counter("tx_packets", st.TxPackets),
		counter("rx_dropped", st.RxDropped), counter("tx_dropped", st.TxDropped),
		counter("rx_errors", st.RxErrors), counter("tx_errors", st.TxErrors),
	}
	if hardware {
		out = append(out, counter("rx_fifo_errors", st.RxFifoErrors), counter("rx_missed_errors", st.RxMissedErrors))
	}
	for i := range out {
		out[i].Link = link
	}
	return out
}

func sortCounters(list []fact.Counter) {
	slices.SortFunc(list, func(a, b fact.Counter) int {
		return cmp.Or(cmp.Compare(a.Link, b.Link), cmp.Compare(a.Name, b.Name))
	})
}
