package ipvs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// saved writes what was read in the words of `ipvsadm -Sn`.
func saved(v *fact.IPVS) string {
	var b strings.Builder
	for _, s := range v.Services {
		at := "-" + s.Proto[:min(1, len(s.Proto))] + " " + s.Addr.String()
		if s.Mark != 0 {
			at = fmt.Sprint("-f ", s.Mark)
			if s.Family == "ip6" {
				at += " -6"
			}
		}
		fmt.Fprintf(&b, "-A %s -s %s", at, s.Scheduler)
		if s.Persistent != 0 {
			fmt.Fprintf(&b, " -p %d", int(s.Persistent.Seconds()))
		}
		if s.OnePacket {
			b.WriteString(" -o")
		}
		b.WriteByte('\n')
		for _, r := range s.Backends {
			how := map[string]string{"masq": "-m", "route": "-g", "tunnel": "-i", "local": "-g"}[r.Forward]
			fmt.Fprintf(&b, "-a %s -r %s %s -w %d", at, r.Addr, how, r.Weight)
			if r.Forward == "tunnel" {
				b.WriteString(" --tun-type ipip")
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// counts writes what `ipvsadm -Ln --stats` and `-Ln` count, a line for each
// backend.
func counts(v *fact.IPVS) []string {
	var out []string
	for _, s := range v.Services {
		for _, r := range s.Backends {
			out = append(out, fmt.Sprintf("%s %d %d %d, %d active %d inactive, weight %d", r.Addr, r.Stats.Conns, r.Stats.InPackets, r.Stats.OutPackets, r.Active, r.Inactive, r.Weight))
		}
	}
	slices.Sort(out)
	return out
}

// sorted is the lines of a text in an order, a service's backends under it.
func sorted(text string) []string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	slices.SortFunc(lines, func(a, b string) int { return cmp.Compare(a, b) })
	return lines
}
