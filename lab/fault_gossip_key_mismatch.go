package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"time"
)

// gossipKeyMismatch has somebody on the wires who is no node send packets to the gossip port that no key fits: they begin as
// encrypted ones do.
func gossipKeyMismatch() Fault {
	return Fault{
		ID:    "gossip-key-mismatch",
		Doc:   "somebody who is no node sends what this swarm's keys do not fit to a node's gossip port",
		Layer: "C",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := d.Note("stranger", "yes"); err != nil {
				return err
			}
			n, err := l.Node(d.Node)
			if err != nil {
				return err
			}
			stranger := l.stranger()
			if err := l.inWires(ctx, "ip addr add "+stranger.String()+"/24 dev "+fabBridge); err != nil {
				return err
			}
			for range 5 {
				if err := l.fromWires(netip.AddrPortFrom(stranger, 7946), n.Addr+":7946"); err != nil {
					return err
				}
			}
			return l.expectSaid(ctx, d.Node, "keys could decrypt|Decrypt packet failed", 3, 15*time.Second)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["stranger"] == "" {
				return nil
			}
			if err := l.inWires(ctx, "ip addr del "+l.stranger().String()+"/24 dev "+fabBridge+" 2>/dev/null || true"); err != nil {
				return err
			}
			return l.forgetSaid(ctx)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return Want{On: d.Node, Causes: []Cause{{ID: "gossip-key-mismatch", Node: d.Node, Hint: true}}}
		},
	}
}

// fabBridge is the switch of the wires.
const fabBridge = "br0"

// stranger is an address of the nodes' Ethernet that no node has.
func (l *Lab) stranger() netip.Addr { return netip.AddrFrom4([4]byte{10, 77, 0, 250}) }

// inWires runs a line of shell in the namespace of the wires, with the machine's tools.
func (l *Lab) inWires(ctx context.Context, line string) error {
	return inNetns(handle(l.Name, fab), func() error {
		if out, err := exec.CommandContext(ctx, "sh", "-c", line).CombinedOutput(); err != nil {
			return fmt.Errorf("%s in the wires: %w: %s", line, err, bytes.TrimSpace(out))
		}
		return nil
	})
}

// fromWires sends one packet of random bytes that claims to be encrypted.
func (l *Lab) fromWires(from netip.AddrPort, to string) error {
	return inNetns(handle(l.Name, fab), func() error {
		c, err := (&net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(from)}).Dial("udp", to)
		if err != nil {
			return err
		}
		defer c.Close()
		packet := make([]byte, 80)
		_, _ = rand.Read(packet)
		packet[0] = 1 // memberlist's second version of encryption
		_, err = c.Write(packet)
		return err
	})
}
