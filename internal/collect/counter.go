package collect

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fairway/internal/fact"
)

// countersKept are the counters of /proc/net/{snmp,netstat,stat/*} that tell
// causes apart, by the kernel's names. Those of nf_conntrack count connections
// or packets that were not let in: clashres (Linux 5.9) and insert_failed are two
// packets that raced to open one connection, drop a full table or no memory,
// early_drop an unanswered connection thrown out for a new one.
var countersKept = map[string]bool{
	"Icmp.InDestUnreachs":           true,
	"Icmp.OutDestUnreachs":          true,
	"Ip.ForwDatagrams":              true,
	"Ip.FragCreates":                true,
	"Ip.FragFails":                  true,
	"Ip.InAddrErrors":               true,
	"Ip.InDiscards":                 true,
	"Ip.InHdrErrors":                true,
	"Ip.OutDiscards":                true,
	"Ip.OutNoRoutes":                true,
	"Ip.ReasmFails":                 true,
	"IpExt.InCsumErrors":            true,
	"IpExt.InNoRoutes":              true,
	"Tcp.ActiveOpens":               true,
	"Tcp.AttemptFails":              true,
	"Tcp.EstabResets":               true,
	"Tcp.InCsumErrors":              true,
	"Tcp.InErrs":                    true,
	"Tcp.OutRsts":                   true,
	"Tcp.PassiveOpens":              true,
	"Tcp.RetransSegs":               true,
	"TcpExt.IPReversePathFilter":    true,
	"TcpExt.ListenDrops":            true,
	"TcpExt.ListenOverflows":        true,
	"TcpExt.TCPBacklogDrop":         true,
	"TcpExt.TCPReqQFullDoCookies":   true,
	"TcpExt.TCPReqQFullDrop":        true,
	"TcpExt.TCPSynRetrans":          true,
	"TcpExt.TCPTimeouts":            true,
	"Udp.InCsumErrors":              true,
	"Udp.InDatagrams":               true,
	"Udp.InErrors":                  true,
	"Udp.NoPorts":                   true,
	"Udp.OutDatagrams":              true,
	"Udp.RcvbufErrors":              true,
	"Udp.SndbufErrors":              true,
	"arp_cache.table_fulls":         true,
	"arp_cache.unresolved_discards": true,
	"nf_conntrack.clashres":         true,
	"nf_conntrack.drop":             true,
	"nf_conntrack.early_drop":       true,
	"nf_conntrack.insert_failed":    true,
	"nf_conntrack.invalid":          true,
	"softnet.dropped":               true,
	"softnet.time_squeeze":          true,
}

var errCounters = errors.New("not a table of counters")

// pairCounters reads /proc/net/snmp and netstat: a line of names and a line of
// numbers, each starting with the same word and a colon. Of TcpExt and the like
// only countersKept are returned.
func pairCounters(b []byte) ([]fact.Counter, error) {
	var out []fact.Counter
	var names []string
	err := eachLine(b, func(f []string) error {
		if names == nil || names[0] != f[0] {
			names = f
			return nil
		}
		if len(names) != len(f) {
			return errCounters
		}
		group := strings.TrimSuffix(f[0], ":")
		for i := 1; i < len(f); i++ {
			name := group + "." + names[i]
			// Tcp.MaxConn is -1; all that are kept are unsigned.
			if v, err := strconv.ParseUint(f[i], 10, 64); err == nil && countersKept[name] {
				out = append(out, counter(name, v))
			} else if err != nil && countersKept[name] {
				return errCounters
			}
		}
		names = nil
		return nil
	})
	return out, err
}

// perCPU reads /proc/net/stat/*: a line of names, then a line of hexadecimal
// numbers for each processor, which are added up.
func perCPU(group string, b []byte) ([]fact.Counter, error) {
	var names []string
	var sums []uint64
	err := eachLine(b, func(f []string) error {
		if names == nil {
			names, sums = f, make([]uint64, len(f))
			return nil
		}
		return addHex(sums, f)
	})
	var out []fact.Counter
	for i, n := range names {
		if name := group + "." + n; countersKept[name] {
			out = append(out, counter(name, sums[i]))
		}
	}
	return out, err
}

// softnet reads /proc/net/softnet_stat, which has no heading: the second number
// counts packets dropped because a processor's backlog was full, the third how
// often it ran out of its time slice (Linux, all versions).
func softnet(b []byte) ([]fact.Counter, error) {
	sums := make([]uint64, 3)
	err := eachLine(b, func(f []string) error {
		if len(f) < len(sums) {
			return errCounters
		}
		return addHex(sums, f[:len(sums)])
	})
	return []fact.Counter{counter("softnet.dropped", sums[1]), counter("softnet.time_squeeze", sums[2])}, err
}

// xfrmStat reads /proc/net/xfrm_stat: "XfrmOutNoStates   0". All are kept, under
// the kernel's names.
func xfrmStat(b []byte) ([]fact.Counter, error) {
	var out []fact.Counter
	err := eachLine(b, func(f []string) error {
		if len(f) != 2 || !strings.HasPrefix(f[0], "Xfrm") {
			return errCounters
		}
		v, err := strconv.ParseUint(f[1], 10, 64)
		if err != nil {
			return errCounters
		}
		out = append(out, counter(f[0], v))
		return nil
	})
	return out, err
}

func counter(name string, v uint64) fact.Counter {
	return fact.Counter{Name: name, Before: v, After: v}
}

func addHex(sums []uint64, f []string) error {
	if len(f) != len(sums) {
		return errCounters
	}
	for i := range f {
		v, err := strconv.ParseUint(f[i], 16, 64)
		if err != nil {
			return errCounters
		}
		sums[i] += v
	}
	return nil
}

// eachLine calls do with the words of each line that has any.
func eachLine(b []byte, do func(words []string) error) error {
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		f := strings.Fields(lines.Text())
		if len(f) == 0 {
			continue
		}
		if err := do(f); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}
