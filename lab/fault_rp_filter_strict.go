package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

func rpFilter() Fault {
	return Fault{
		ID:    "rp-filter-strict",
		Doc:   "a node sends to one peer by a second interface, and drops strictly what comes from it by the first",
		Layer: "U",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.sparePeer(ctx, d); err != nil {
				return err
			}
			node, err := l.Node(d.Node)
			if err != nil {
				return err
			}
			peer, err := l.Node(d.Peer)
			if err != nil {
				return err
			}
			mac, err := l.hostMAC(ctx, d.Peer)
			if err != nil {
				return err
			}
			before, err := l.Exec(ctx, d.Node, "cat", "/proc/sys/net/ipv4/conf/eth0/rp_filter")
			if err != nil {
				return err
			}
			if err := d.Note("filter", strings.TrimSpace(before)); err != nil {
				return err
			}
			// The peer must go on sending to the first interface, so nobody asks or answers by ARP on the second.
			lines := fmt.Sprintf("ip link set eth1 arp off up\nip neigh add %[1]s lladdr %[2]s dev eth1 nud permanent\n"+
				"ip route add %[1]s/32 dev eth1 src %[3]s\necho 1 >/proc/sys/net/ipv4/conf/eth0/rp_filter", peer.Addr, mac, node.Addr)
			return l.cutPeer(ctx, d, "cut", "yes", func() error {
				if err := l.secondCable(ctx, d.Node); err != nil {
					return err
				}
				_, err := l.Exec(ctx, d.Node, "sh", "-ec", lines)
				return err
			})
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["cut"] == "" {
				return nil
			}
			lines := fmt.Sprintf("ip link del eth1 2>/dev/null\necho %s >/proc/sys/net/ipv4/conf/eth0/rp_filter", d.Notes["filter"])
			if _, err := l.Exec(ctx, d.Node, "sh", "-c", lines); err != nil {
				return err
			}
			return l.expectPeers(ctx, d)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "rp-filter-strict", Node: d.Node, Kind: "node", Name: d.Node, Peer: d.Peer})
		},
	}
}

// secondCable joins a node to the wires by a second interface, eth1, without an address.
func (l *Lab) secondCable(ctx context.Context, node string) error {
	f, port := object(l.Name, fab), "w"+strings.TrimPrefix(node, "n")
	if err := ipBatch(ctx, "", fmt.Sprintf("link add %s netns %s type veth peer name eth1 netns %s\n", port, f, object(l.Name, node))); err != nil {
		return err
	}
	return ipBatch(ctx, f, fmt.Sprintf("link set %s master br0 up\n", port))
}

// hostMAC is the hardware address of a node's underlay interface.
func (l *Lab) hostMAC(ctx context.Context, node string) (string, error) {
	out, err := l.Exec(ctx, node, "ip", "-j", "link", "show", "eth0")
	if err != nil {
		return "", err
	}
	var all []device
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
		return "", fmt.Errorf("read eth0 of %s: %q, %w", node, out, err)
	}
	return all[0].MAC, nil
}
