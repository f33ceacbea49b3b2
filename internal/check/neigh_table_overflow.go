package check

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"fairway/internal/fact"
)

// NeighTableOverflow finds nodes whose kernel has no room for another neighbour.
var NeighTableOverflow = &Check{
	ID:    "neigh-table-overflow",
	Title: "the kernel's table of neighbours is full",
	Doc: Doc{
		Symptom: "Connections from and to one node fail at random, within the node too, with \"no route to host\" or none; most often on nodes with more than a thousand endpoints around. The kernel's log says \"neighbour: arp_cache: neighbor table overflow!\", the engine's \"no buffer space available\".",
		Cause: "All namespaces of a host share one table of IPv4 neighbours, and one of IPv6's, with one limit (gc_thresh3, 1024 unless told otherwise). At the limit the kernel refuses every new row to everybody: a task then cannot learn who has an address, the host neither. " +
			"Since Linux 5.0 permanent rows, as the engine writes them for remote tasks, are not counted; before, they fill the table alone. The engine raises the limit at its start, but only where it sees the setting.",
		ByHand: "`ip ntable show name arp_cache` (thresh3, in any namespace); `wc -l /proc/net/arp` in each; `dmesg | grep 'table overflow'`; `nstat`'s table_fulls in /proc/net/stat/arp_cache.",
		Relief: "Raise the limits on the host; it counts at once.",
		Fix:    "Write them to /etc/sysctl.d: gc_thresh1=8192, gc_thresh2=49152, gc_thresh3=65536. Find what asks for so many addresses: a scan of a large subnet fills the table, too.",
	},
	Needs:   []fact.Kind{fact.KindNeighbours, fact.KindSysctls, fact.KindCounters},
	Claims:  silence,
	Outside: true,
	Run:     neighOverflow,
}

// nearlyFull is the share of a table, in percent, at which failures are near: the
// kernel collects what it can from the second limit on.
const nearlyFull = 95

func neighOverflow(in *In) []Finding {
	var out []Finding
	for _, n := range in.Sighted {
		host := n.Kernel.Host()
		if host == nil || !in.Can(n, host.Name, fact.KindNeighbours, fact.KindSysctls, fact.KindCounters) {
			in.Blind("%s: its kernel was not seen", n.Name)
			continue
		}
		rows, most := countedRows(n.Kernel)
		if most == 0 && host.Counter("", "arp_cache.table_fulls") == nil {
			in.Blind("%s: the size of its table of neighbours is not known", n.Name)
			continue
		}
		if f, ok := in.tooManyNeighbours(n, host, rows, most); ok {
			out = append(out, f)
		}
	}
	return out
}

func (in *In) tooManyNeighbours(n *fact.Node, host *fact.NetNS, rows, most int) (Finding, bool) {
	f := Finding{Certainty: Hint, Node: n.Name, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID}, Impact: ImpactNone}
	full := most > 0 && rows*100 >= most*nearlyFull
	refused := uint64(0)
	ever := false
	if c := host.Counter("", "arp_cache.table_fulls"); c != nil {
		refused, ever = c.Delta(), max(c.Before, c.After) > 0
	}
	lines := in.said(n, "neigh-table-full", "neigh-no-buffer")
	if g := in.Missing(n.Name, "", fact.KindLogs); ever && refused == 0 && !full && g != nil {
		in.Blind("%s: its table of neighbours was full since it started; whether it was lately, its log would say: %s", n.Name, g.Reason)
	}
	if !full && refused == 0 && (!ever || len(lines) == 0) {
		return f, false
	}
	if most > 0 {
		f.Evidence = append(f.Evidence, Evidence{n.Name + ": rows in the kernel's table of neighbours", fmt.Sprintf("well below %d (gc_thresh3)", most), strconv.Itoa(rows)})
	}
	if refused > 0 {
		f.Evidence = append(f.Evidence, Evidence{n.Name + ": table_fulls of arp_cache", "no row refused", fmt.Sprintf("rose by %d while we looked", refused)})
	}
	if len(lines) > 0 {
		f.Evidence, f.Recurring = append(f.Evidence, quoteLog(n.Name+": log of "+string(lines[len(lines)-1].From), "no such line", lines)), true
	}
	f.Probed = slices.ContainsFunc(in.Seen.TCP, func(p fact.TCPProbe) bool {
		return p.From.Node == n.Name && (p.Outcome == fact.Timeout || p.Outcome == fact.Unreachable)
	})
	// The kernel's own word stands beside its count.
	if refused > 0 || full && f.Probed || ever && len(lines) > 0 {
		f.Certainty = Strong
	}
	f.Message = fmt.Sprintf("the table of neighbours of %s is full: %d rows, and %d is the limit of all its namespaces together", n.Name, rows, most)
	if !full {
		f.Message = fmt.Sprintf("the table of neighbours of %s was full: the kernel refused rows", n.Name)
	}
	f.Confirm = fmt.Sprintf("on %s: ip ntable show name arp_cache; dmesg | grep 'table overflow'", n.Name)
	more := max(65536, 4*cmp.Or(most, 1024))
	f.Relief = fmt.Sprintf("on %s: sysctl -w net.ipv4.neigh.default.gc_thresh1=8192 net.ipv4.neigh.default.gc_thresh2=49152 net.ipv4.neigh.default.gc_thresh3=%d", n.Name, more)
	return f, true
}
