package check

import (
	"strconv"
	"strings"

	"fairway/internal/fact"
)

// badKernel is a range of kernels known to lose overlay packets.
type badKernel struct {
	// From and To are the first that is bad and the first that is not; the parts
	// of a release compared as numbers.
	From, To []int
	// Flavour must be part of the release, empty for any.
	Flavour string
	// Encrypted: only encrypted networks suffer.
	Encrypted bool
	// Said is what is known, with where.
	Said string
}

// badKernels is from the threads named (reference: kernel-vxlan-regression).
var badKernels = []badKernel{
	{[]int{5, 4, 0, 1073}, []int{5, 4, 0, 1074}, "azure", false, "Azure's 5.4.0-1073 passes pings only (moby#41775)"},
	{[]int{5, 10, 96}, []int{5, 10, 104}, "", true, "5.10.96 to 5.10.103 break encrypted networks (moby#43359)"},
	{[]int{3, 10, 0, 327}, []int{3, 10, 0, 514}, "", false, "3.10.0-327 and later lose VXLAN packets; -514 does not (moby#34015)"},
}

// knownBad is what is known against a kernel, empty for nothing. Debian's
// release says 5.10.0-12 where its version says 5.10.103.
func knownBad(k *fact.Kernel, encrypted bool) string {
	names := []string{k.Release}
	for _, w := range strings.Fields(k.Version) {
		if strings.Contains(k.Version, "Debian") && strings.Count(w, ".") >= 2 {
			names = append(names, w)
		}
	}
	for _, b := range badKernels {
		for _, name := range names {
			n := numbers(name)
			if (!b.Encrypted || encrypted) && strings.Contains(k.Release, b.Flavour) && !before(n, b.From) && before(n, b.To) {
				return b.Said
			}
		}
	}
	return ""
}

// numbers reads the numbers a release begins with: 5.4.0-1073-azure is 5, 4, 0,
// 1073.
func numbers(release string) []int {
	var out []int
	for _, part := range strings.FieldsFunc(release, func(r rune) bool { return r == '.' || r == '-' || r == '+' || r == '~' }) {
		n, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		out = append(out, n)
	}
	return out
}

// before compares as many parts as b has; what a lacks counts as 0.
func before(a, b []int) bool {
	for i := range b {
		v := 0
		if i < len(a) {
			v = a[i]
		}
		if v != b[i] {
			return v < b[i]
		}
	}
	return false
}

// countedRows is how many rows count against the limit, and the limit; 0: not known.
// The kernel's own count has those of namespaces that nobody read, permanent ones
// among them. Where it is beyond the limit it has so many of these that it tells
// nothing (seen with 20 engines on one kernel); what was read counts then.
func countedRows(k *fact.Kernel) (rows, most int) {
	permanent, dumped := 0, 0
	for _, ns := range k.Namespaces {
		for _, row := range ns.Neighbours {
			if !row.IP.Is4() {
				continue
			}
			dumped++
			if row.State == fact.Permanent {
				permanent++
			}
		}
	}
	rows = dumped
	if t := k.NeighbourTable("arp_cache"); t != nil {
		rows, most = max(t.Entries, dumped), t.Thresh3
	} else if text, ok := k.Host().Sysctl("net.ipv4.neigh.default.gc_thresh3"); ok {
		most, _ = strconv.Atoi(text)
	}
	if !before(numbers(k.Release), []int{5, 0}) {
		rows, dumped = rows-permanent, dumped-permanent
		if most > 0 && rows > most+most/10 { // both counts are of different moments
			rows = dumped
		}
	}
	return max(rows, 0), max(most, 0)
}
