package lab

import (
	"context"
	"fmt"
	"time"
)

// These close the VXLAN port where only a look at both ends tells who closed it.

func underlayVXLANPeerIn() Fault {
	return vxlanBlockedOn("underlay-vxlan-udp-blocked.peer-in", "another node's own firewall drops the VXLAN port on the way in",
		func(d *Draw, port string) (string, []string) {
			return d.Peer, []string{"INPUT -p udp --dport " + port + " -j DROP"}
		},
		func(d *Draw) Cause { return Cause{ID: "underlay-vxlan-udp-blocked", Node: d.Peer, Name: d.Peer} })
}

func underlayVXLANPeerOut() Fault {
	return vxlanBlockedOn("underlay-vxlan-udp-blocked.peer-out", "another node's own firewall drops the VXLAN port on the way out",
		func(d *Draw, port string) (string, []string) {
			return d.Peer, []string{"OUTPUT -p udp --dport " + port + " -j DROP"}
		},
		func(d *Draw) Cause { return Cause{ID: "underlay-vxlan-udp-blocked", Node: d.Peer, Name: d.Peer} })
}

func underlayVXLANPeerFromOne() Fault {
	return vxlanBlockedOn("underlay-vxlan-udp-blocked.peer-from-one", "another node's own firewall drops the VXLAN port from this node only",
		func(d *Draw, port string) (string, []string) {
			return d.Peer, []string{"INPUT -s " + d.Notes["addr"] + " -p udp --dport " + port + " -j DROP"}
		},
		func(d *Draw) Cause { return Cause{ID: "underlay-vxlan-udp-blocked", Node: d.Peer, Peer: d.Node} })
}

func vxlanBlockedOn(id, doc string, rules func(*Draw, string) (string, []string), cause func(*Draw) Cause) Fault {
	return Fault{
		ID: id, Doc: doc, Layer: "U", TwoEnds: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			port, err := l.vxlanPort(ctx, d)
			if err != nil {
				return err
			}
			n, err := l.Node(d.Node)
			if err != nil {
				return err
			}
			if err := d.Note("addr", n.Addr); err != nil {
				return err
			}
			node, list := rules(d, port)
			if err := l.insertRulesOn(ctx, d, node, list...); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.deleteRules(ctx, d); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want { return d.ask(cause(d)) },
	}
}

func underlayVXLANWire() Fault {
	return vxlanWire("underlay-vxlan-udp-blocked.wire", "what stands between two nodes swallows the VXLAN port, both ways", func(*Lab, *Draw) error { return nil },
		func(d *Draw) Cause {
			return Cause{ID: "underlay-vxlan-udp-blocked", Node: d.Node, Peer: d.Peer}
		})
}

// vxlanWire drops the one UDP port in the wires between two nodes, after more
// was done to them.
func vxlanWire(id, doc string, more func(*Lab, *Draw) error, cause func(*Draw) Cause) Fault {
	return Fault{
		ID: id, Doc: doc, Layer: "U",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			port, err := l.vxlanPort(ctx, d)
			if err != nil {
				return err
			}
			a, b := l.fabPort(d.Node), l.fabPort(d.Peer)
			rules := "add table bridge fairway\nadd chain bridge fairway wire { type filter hook forward priority 0; }\n"
			for _, way := range [][2]string{{a, b}, {b, a}} {
				rules += fmt.Sprintf("add rule bridge fairway wire iifname %s oifname %s udp dport %s drop\n", way[0], way[1], port)
			}
			if err := d.Note("rules", rules); err != nil {
				return err
			}
			if err := more(l, d); err != nil {
				return err
			}
			if err := l.fabNFT(ctx, rules); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 8*time.Second, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["rules"] == "" {
				return nil
			}
			if err := l.fabNFT(ctx, "add table bridge fairway\ndelete table bridge fairway"); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, d.target(), 10*time.Second, Opened)
		},
		Want: func(_ *Lab, d *Draw) Want { return d.ask(cause(d)) },
	}
}
