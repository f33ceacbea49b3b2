package lab

import (
	"context"
	"slices"
	"strings"
)

// stateScript prints, for the node's own namespace and all that its engine keeps, what stays the same as long as nobody
// changes anything: no counters, no learnt rows, no ages.
const stateScript = `
show() {
	ip -o link | sed -e 's/^[0-9]*: //' -e 's/ qlen [0-9]*//'
	ip -o addr | sed -e 's/^[0-9]*: //' | grep -v inet6
	ip route show table all | grep -v '^broadcast\|fe80\|multicast'
	ip neigh show nud permanent
	bridge fdb | grep permanent | grep -v '^33:33\|^01:00:5e'
	xtables=$(iptables-save) && echo "$xtables" | grep -v '^#' | sed -e 's/\[[0-9:]*\]//' |
		awk '/^\*/ { table = $0 } /^-A/ { $2 = $2 "#" ++n[table $2] } { print table, $0 }'
	for s in ip_forward conf/all/rp_filter neigh/default/gc_thresh3 vs/conntrack; do
		[ -e /proc/sys/net/ipv4/$s ] && echo $s $(cat /proc/sys/net/ipv4/$s)
	done
	cat /proc/sys/net/netfilter/nf_conntrack_max 2>/dev/null
	[ ! -e /proc/net/ip_vs ] || ipvsadm -Sn
}
if [ -n "$1" ]; then show; exit 0; fi
show | sed -e 's/^/host: /'
for ns in /run/docker/netns/*; do
	nsenter --net=$ns sh $0 inside 2>/dev/null | sed -e "s|^|${ns##*/}: |"
done
`

// KernelState is a node's kernel state that only an engine or a fault changes, in sorted lines: the same before a fault and
// after its healing.
func (l *Lab) KernelState(ctx context.Context, node string) ([]string, error) {
	script := "f=$(mktemp); cat >$f <<'END'\n" + stateScript + "END\nsh $f; rm $f"
	out, err := l.Exec(ctx, node, "sh", "-c", script)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	slices.Sort(lines)
	return lines, nil
}
