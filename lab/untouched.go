package lab

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// moduleScript lists the kernel's modules: those that were loaded, and built-in ones that have a folder.
const moduleScript = `ls /sys/module | sed -e 's/^/module: /'
[ ! -e /proc/modules ] || sed -e 's/ .*//' -e 's/^/module: /' /proc/modules`

// hostScript prints what KernelState leaves out because an engine may change it while a fault is healed, and which nobody
// changes while somebody looks: rules, both firewall backends' tables, every network sysctl, processes. Its own shell's pid
// comes first, so that it is not taken for a leftover. How many connections are tracked is no setting.
const hostScript = `
show() {
	ip rule; ip -6 rule
	ip -6 neigh show nud permanent
	for save in iptables-legacy-save ip6tables-legacy-save iptables-nft-save ip6tables-nft-save; do
		command -v $save >/dev/null && $save 2>/dev/null | grep -v '^#' | sed -e 's/\[[0-9:]*\]//' -e "s/^/$save: /"
	done
	command -v nft >/dev/null && nft -s list ruleset 2>/dev/null | sed -e 's/counter packets [0-9]* bytes [0-9]*/counter/' | awk '{ print "nft " NR ": " $0 }'
	grep -r '' /proc/sys/net 2>/dev/null | grep -v nf_conntrack_count | sed -e 's|^/proc/sys/|sysctl: |'
}
if [ "$1" = inside ]; then show; exit 0; fi
echo "self: $$"
cat /proc/[0-9]*/stat 2>/dev/null | sed -e 's/^/process: /'
show | sed -e 's/^/host: /'
for ns in /run/docker/netns/*; do
	nsenter --net=$ns sh $0 inside 2>/dev/null | sed -e "s|^|${ns##*/}: |"
done
`

// Modules lists the kernel's modules as a node sees them. It is a question of its own because the tools that [Lab.HostState]
// runs may load some themselves.
func (l *Lab) Modules(ctx context.Context, node string) ([]string, error) {
	out, err := l.Exec(ctx, node, "sh", "-c", moduleScript)
	if err != nil {
		return nil, err
	}
	return sortedLines(out), nil
}

// HostState is all of a node that must be the same before and after somebody looks: [Lab.KernelState], and modules,
// processes, rules, tables and sysctls of the host and of every namespace that its engine keeps.
func (l *Lab) HostState(ctx context.Context, node string) ([]string, error) {
	modules, err := l.Modules(ctx, node)
	if err != nil {
		return nil, err
	}
	state, err := l.KernelState(ctx, node)
	if err != nil {
		return nil, err
	}
	out, err := l.Exec(ctx, node, "sh", "-c", "f=$(mktemp); cat >$f <<'END'\n"+hostScript+"END\nsh $f; rm $f")
	if err != nil {
		return nil, err
	}
	more, err := hostLines(out)
	if err != nil {
		return nil, fmt.Errorf("read the state of %s: %w", node, err)
	}
	all := slices.Concat(modules, state, more)
	slices.Sort(all)
	return all, nil
}

func sortedLines(out string) []string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	slices.Sort(lines)
	return slices.Compact(lines)
}

// process is a row of /proc/PID/stat as far as it says who that is.
type process struct {
	pid, parent int
	// line names it: a number alone may be given to another one.
	line string
}

// hostLines are the lines of hostScript, without the processes that it is itself.
func hostLines(out string) ([]string, error) {
	var lines []string
	var all []process
	self := 0
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "self: "); ok {
			var err error
			if self, err = strconv.Atoi(rest); err != nil {
				return nil, err
			}
			continue
		}
		rest, ok := strings.CutPrefix(line, "process: ")
		if !ok {
			lines = append(lines, line)
			continue
		}
		p, err := parseStat(rest)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	if self == 0 || len(all) == 0 {
		return nil, fmt.Errorf("no processes in %d lines", len(lines))
	}
	return append(lines, others(all, self)...), nil
}

// parseStat reads pid, name, parent and start time (fields 1, 2, 4 and 22, proc(5)); a name may hold anything, so what comes
// after it is counted from its last bracket.
func parseStat(row string) (process, error) {
	left, right := strings.IndexByte(row, '('), strings.LastIndexByte(row, ')')
	if left < 0 || right < left {
		return process{}, fmt.Errorf("read a row of stat %q: no name", row)
	}
	f := strings.Fields(row[right+1:])
	if len(f) < 20 {
		return process{}, fmt.Errorf("read a row of stat %q: %d fields after the name", row, len(f))
	}
	pid, err := strconv.Atoi(strings.TrimSpace(row[:left]))
	if err != nil {
		return process{}, fmt.Errorf("read a row of stat %q: %w", row, err)
	}
	parent, err := strconv.Atoi(f[1])
	if err != nil {
		return process{}, fmt.Errorf("read a row of stat %q: %w", row, err)
	}
	return process{pid, parent, fmt.Sprintf("process: %s (pid %d, started at tick %s)", row[left+1:right], pid, f[19])}, nil
}

// others are the lines of all processes that do not come from one of them.
func others(all []process, self int) []string {
	own := []int{self}
	for i := 0; i < len(own); i++ {
		for _, p := range all {
			if p.parent == own[i] {
				own = append(own, p.pid)
			}
		}
	}
	var out []string
	for _, p := range all {
		// The shell that wrote the script has no parent here, as whoever enters a pid namespace.
		if p.pid != 1 && !slices.Contains(own, p.pid) && !isParent(all, p.pid, self) {
			out = append(out, p.line)
		}
	}
	return out
}

func isParent(all []process, pid, of int) bool {
	return slices.ContainsFunc(all, func(p process) bool { return p.pid == of && p.parent == pid })
}

// Changes are the lines that only one of two states has, with - before those that went and + before those that came.
func Changes(before, after []string) []string {
	var out []string
	for _, line := range before {
		if !slices.Contains(after, line) {
			out = append(out, "-"+line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			out = append(out, "+"+line)
		}
	}
	return out
}
