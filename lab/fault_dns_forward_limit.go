package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
	"github.com/moby/moby/api/types/swarm"
)

// dnsForwardLimit asks for more outside names at once than a resolver passes on, because the server outside is silent.
func dnsForwardLimit() Fault {
	const questions = 3000
	return Fault{
		ID:    "dns-forward-limit",
		Doc:   "a container asks for more outside names at once than its resolver passes on, because the server outside is silent",
		Layer: "D",
		NotOn: map[string]string{"20.10": "says of a silent name server only in debug mode, which is the other half of what is expected"},
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := d.Note("stranger", "yes"); err != nil {
				return err
			}
			if err := l.inWires(ctx, "ip addr add "+l.stranger().String()+"/24 dev "+fabBridge); err != nil {
				return err
			}
			c, err := l.silentDNS(netip.AddrPortFrom(l.stranger(), 53))
			if err != nil {
				return err
			}
			defer c.Close()
			s := l.extraService("lookup", d.Node, []string{d.Network})
			s.TaskTemplate.ContainerSpec.DNSConfig = outsideDNS(l.stranger())
			t, err := l.startExtra(ctx, s)
			if err != nil {
				return err
			}
			if err := l.flood(ctx, t, questions); err != nil {
				return err
			}
			if err := l.expectSaid(ctx, d.Node, `more than [0-9]+ concurrent queries`, 1, 10*time.Second); err != nil {
				return err
			}
			return l.expectSaid(ctx, d.Node, "external DNS server|read from DNS server failed", 3, 30*time.Second)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["stranger"] == "" {
				return nil
			}
			if err := l.inWires(ctx, "ip addr del "+l.stranger().String()+"/24 dev "+fabBridge+" 2>/dev/null || true"); err != nil {
				return err
			}
			if err := l.removeExtras(ctx); err != nil {
				return err
			}
			return l.forgetSaid(ctx)
		},
		Want: func(_ *Lab, d *Draw) Want {
			w := d.checkNode("dns-forward-limit")
			w.Causes = append(w.Causes, Cause{ID: "dns-upstream-unreachable", Node: d.Node, Hint: true})
			return w
		},
	}
}

// outsideDNS makes a task's resolver pass outside names on to one server.
func outsideDNS(server netip.Addr) *swarm.DNSConfig {
	return &swarm.DNSConfig{Nameservers: []netip.Addr{server}}
}

// silentDNS listens on the wires and answers nothing.
func (l *Lab) silentDNS(at netip.AddrPort) (c net.PacketConn, err error) {
	err = inNetns(handle(l.Name, fab), func() (err error) {
		c, err = net.ListenPacket("udp4", at.String())
		return err
	})
	return c, err
}

// flood asks a task's resolver for so many names that differ, as fast as it can, and waits for no answer.
func (l *Lab) flood(ctx context.Context, t Task, questions int) error {
	ns, err := l.TaskNS(ctx, t)
	if err != nil {
		return err
	}
	path, err := l.Netns(t.Node, ns)
	if err != nil {
		return err
	}
	return inNetns(path, func() error {
		c, err := net.Dial("udp4", "127.0.0.11:53")
		if err != nil {
			return err
		}
		defer c.Close()
		for i := range questions {
			q := new(dns.Msg)
			q.SetQuestion(fmt.Sprintf("host%d.example.com.", i), dns.TypeA)
			b, err := q.Pack()
			if err != nil {
				return err
			}
			if _, err := c.Write(b); err != nil {
				return err
			}
			if i%10 == 9 {
				time.Sleep(5 * time.Millisecond) // the queue of the resolver's socket is short
			}
		}
		return nil
	})
}
