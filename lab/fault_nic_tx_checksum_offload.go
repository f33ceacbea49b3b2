package lab

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nicTxChecksumOffload stands in for a card that computes wrong checksums of what is inside VXLAN packets: the wire to the
// drawn node computes them in software (a veth computes none, and then nobody checks), and before the node's kernel looks,
// those of TCP from the peer are overwritten.
func nicTxChecksumOffload() Fault {
	return Fault{
		ID:      "nic-tx-checksum-offload",
		Doc:     "the card of another node spoils the checksums of TCP inside VXLAN: pings pass, connections do not",
		Layer:   "U",
		TwoEnds: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			port, err := l.vxlanPort(ctx, d)
			if err != nil {
				return err
			}
			peer, err := l.Node(d.Peer)
			if err != nil {
				return err
			}
			if err := d.Note("wire", l.fabPort(d.Node)); err != nil {
				return err
			}
			if err := l.checksums(d.Notes["wire"], false); err != nil {
				return err
			}
			// Behind the UDP header: 8 bytes of VXLAN, 14 of Ethernet, 20 of IP; the checksum of TCP is 16 further on.
			_, err = l.Exec(ctx, d.Node, "nft", fmt.Sprintf("add table netdev fairway; add chain netdev fairway in { type filter hook ingress device eth0 priority 0; }; "+
				"add rule netdev fairway in ip saddr %s udp dport %s @th,312,8 6 @th,528,16 set 0x1234 counter", peer.Addr, port))
			if err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["wire"] == "" {
				return nil
			}
			if _, err := l.Exec(ctx, d.Node, "nft", "add table netdev fairway; delete table netdev fairway"); err != nil {
				return err
			}
			if err := l.checksums(d.Notes["wire"], true); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "nic-tx-checksum-offload", Node: d.Peer, Kind: "link", Name: "eth0", Peer: d.Node})
		},
	}
}

// checksums switches the checksum offload of a wire's end in the fab namespace, as ethtool -K tx does.
func (l *Lab) checksums(link string, on bool) error {
	return inNetns(handle(l.Name, fab), func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		value := struct{ cmd, data uint32 }{cmd: unix.ETHTOOL_STXCSUM}
		if on {
			value.data = 1
		}
		req := struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}{data: unsafe.Pointer(&value)}
		copy(req.name[:unix.IFNAMSIZ-1], link)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); errno != 0 {
			return fmt.Errorf("switch the checksum offload of %s: %w", link, errno)
		}
		return nil
	})
}
