package lab

import (
	"slices"
	"strings"
	"testing"
)

// printed is what hostScript prints on a small host: the shell that holds the script (40), its own (41) and what that
// runs (42) are no leftovers.
const printed = `self: 41
process: 1 (node) S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0
process: 7 (dockerd) S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 120 0 0
process: 9 (odd) (name) S 7 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 130 0 0
process: 40 (sh) S 0 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 900 0 0
process: 41 (sh) S 40 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 901 0 0
process: 42 (cat) R 41 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 902 0 0
host: 0:	from all lookup local
host: iptables-nft-save: -A FORWARD -j DOCKER-USER
host: nft 3: 		ct state established accept
host: sysctl: net/ipv4/ip_forward:1
4f2a: sysctl: net/ipv4/conf/eth0/rp_filter:0
`

func TestChangesAreSeen(t *testing.T) {
	before, err := hostLines(printed)
	if err != nil {
		t.Fatal(err)
	}
	if want := "process: dockerd (pid 7, started at tick 120)"; len(before) != 7 || !slices.Contains(before, want) {
		t.Fatalf("%d lines, want 7 with %q: %q", len(before), want, before)
	}
	modules := sortedLines("module: bridge\nmodule: vxlan\n")
	for name, c := range map[string]struct{ old, new, want string }{
		"nothing":              {"", "", ""},
		"a process stays":      {"process: 40 ", "process: 50 (fairway) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 950 0 0\nprocess: 40 ", "+process: fairway"},
		"a process ended":      {"process: 9 (odd) (name) S 7", "process: 9 (odd) (name) S 41", "-process: odd) (name"},
		"a pid is another's":   {"1 0 120 0 0", "1 0 960 0 0", "+process: dockerd (pid 7, started at tick 960)"},
		"a host's sysctl":      {"net/ipv4/ip_forward:1", "net/ipv4/ip_forward:0", "+host: sysctl: net/ipv4/ip_forward:0"},
		"a task's sysctl":      {"rp_filter:0", "rp_filter:2", "-4f2a: sysctl: net/ipv4/conf/eth0/rp_filter:0"},
		"a rule for routes":    {"host: 0:", "host: 5:	from all lookup 7\nhost: 0:", "+host: 5:"},
		"a row of iptables":    {"-j DOCKER-USER", "-j DROP", "+host: iptables-nft-save: -A FORWARD -j DROP"},
		"a row of nftables":    {"established accept", "established drop", "-host: nft 3"},
		"a namespace is there": {"4f2a:", "9999: sysctl: net/a:1\n4f2a:", "+9999:"},
	} {
		after, err := hostLines(strings.Replace(printed, c.old, c.new, 1))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := Changes(append(slices.Clone(modules), before...), append(slices.Clone(modules), after...))
		if (c.want == "") != (len(got) == 0) || c.want != "" && !slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, c.want) }) {
			t.Errorf("%s: changes %q, want %q", name, got, c.want)
		}
	}
	if got := Changes(modules, sortedLines("module: vxlan\nmodule: bridge\nmodule: xfrm_user\n")); !slices.Equal(got, []string{"+module: xfrm_user"}) {
		t.Errorf("a module that was loaded: %q", got)
	}
	for _, bad := range []string{"", "host: x\n", "self: 1\nprocess: 1 x S\n", "self: x\n", "self: 1\nprocess: 1 (x) S 0\n"} {
		if lines, err := hostLines(bad); err == nil {
			t.Errorf("%q gave %q, want an error: no state compares equal to no state", bad, lines)
		}
	}
}
