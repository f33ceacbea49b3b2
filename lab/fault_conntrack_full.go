package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// ownKernel: the fault changes a setting of the whole kernel, so it is for labs with a kernel of their own only.
const ownKernel = "user mode linux"

// conntrackFull lowers the kernel's one maximum, and fills the ingress sandbox of a node with entries that the kernel must not
// throw out again.
func conntrackFull() Fault {
	const setting, most = "/proc/sys/net/netfilter/nf_conntrack_max", 4000
	const entry = "-p udp -s 192.0.2.1 -d 192.0.2.2 --sport $i --dport 9"
	return Fault{
		ID:     "conntrack-full",
		Doc:    "the table of connections of a node's ingress sandbox is full, so new connections to its published ports are dropped",
		Layer:  "K",
		Kernel: ownKernel,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if !InUML() {
				return errors.New("this kernel is not the lab's own")
			}
			was, err := os.ReadFile(setting)
			if err != nil {
				return err
			}
			if err := d.Note("most", strings.TrimSpace(string(was))); err != nil {
				return err
			}
			if err := os.WriteFile(setting, fmt.Append(nil, most), 0o644); err != nil {
				return err
			}
			fill := fmt.Sprintf(`f=$(mktemp)
for i in $(seq %d); do echo "-A %s --reply-src 192.0.2.2 --reply-dst 192.0.2.1 --reply-port-src 9 --reply-port-dst $i -t 900 -u SEEN_REPLY,ASSURED"; done > $f
conntrack -R $f >/dev/null 2>&1 || true # until there is no room
rm $f`, most, entry)
			if err := l.rebalance(ctx, d, "ingress_sbox", []string{fill}, []string{"conntrack -D -p udp -s 192.0.2.1 >/dev/null 2>&1 || true"}); err != nil {
				return err
			}
			return l.expectUnbalanced(ctx, d, ingress, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if most := d.Notes["most"]; most != "" {
				if err := os.WriteFile(setting, []byte(most), 0o644); err != nil {
					return err
				}
			}
			return healBalance(ingress)(ctx, l, d)
		},
		Want: wantBalance("conntrack-full", ingress, "node"),
	}
}
