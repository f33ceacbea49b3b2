package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os/exec"
	"strings"
	"time"
)

func underlayMTUBlackhole() Fault {
	return Fault{
		ID:    "underlay-mtu-blackhole",
		Doc:   "the wire between two nodes swallows long frames and says nothing: connections open, and larger answers hang",
		Layer: "U",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			// Long frames between a manager and its leader are raft's, too: without them it is a worker after some seconds.
			if err := l.sparePeer(ctx, d); err != nil {
				return err
			}
			from, to := l.fabPort(d.Node), l.fabPort(d.Peer)
			longest := Pick(d, []int{1300, 1400, 1460}) // of the frame: GRE, a VPN, a cloud's 1460
			rules := []string{
				"add table bridge fairway",
				"add chain bridge fairway wire { type filter hook forward priority 0; }",
				fmt.Sprintf("add rule bridge fairway wire iifname %s oifname %s meta length > %d drop", from, to, longest),
				fmt.Sprintf("add rule bridge fairway wire iifname %s oifname %s meta length > %d drop", to, from, longest),
			}
			if err := d.Note("rules", strings.Join(rules, "\n")); err != nil {
				return err
			}
			if err := l.fabNFT(ctx, d.Notes["rules"]); err != nil {
				return err
			}
			if err := l.expectConnect(ctx, d.Task, d.target(), 5*time.Second, Opened); err != nil {
				return err
			}
			if err := l.ask(ctx, d.Task, d.target(), 10); err != nil {
				return fmt.Errorf("a small request fails, too: %w", err)
			}
			if err := l.ask(ctx, d.Task, d.target(), 4000); err == nil {
				return fmt.Errorf("a request of 4000 bytes to %s passes", d.target())
			}
			return nil
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["rules"] == "" {
				return nil
			}
			if err := l.fabNFT(ctx, "add table bridge fairway\ndelete table bridge fairway"); err != nil {
				return err
			}
			return poll(ctx, 10*time.Second, "a long request to pass", func() (bool, error) {
				err := l.ask(ctx, d.Task, d.target(), 4000)
				return err == nil, err
			})
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "underlay-mtu-blackhole", Node: d.Node, Peer: d.Peer})
		},
	}
}

// fabPort is the other end of a node's cable, in the fab namespace.
func (l *Lab) fabPort(node string) string { return "v" + strings.TrimPrefix(node, "n") }

// fabNFT feeds lines to nft in the namespace of the wires.
func (l *Lab) fabNFT(ctx context.Context, lines string) error {
	cmd := exec.CommandContext(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(lines)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := inNetns(handle(l.Name, fab), cmd.Run)
	if err != nil {
		return fmt.Errorf("nft in the wires: %w: %s", err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

// ask sends an HTTP request of that many bytes from a task and waits for the answer, for at most 1 s.
func (l *Lab) ask(ctx context.Context, from Task, to netip.AddrPort, size int) error {
	ns, err := l.TaskNS(ctx, from)
	if err != nil {
		return err
	}
	c, err := l.dial(from.Node, ns, to, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+to.String()+"/", strings.NewReader(strings.Repeat("x", size)))
	if err != nil {
		return err
	}
	req.Close = true
	if err := req.Write(c); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c) // the server answers when it has all of the request, and closes
	return err
}
