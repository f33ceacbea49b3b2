package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

func addressPoolOverlap() Fault {
	return Fault{
		ID:    "address-pool-overlap",
		Doc:   "a node's second network card is on a network whose addresses are a part of the overlay's: containers there do not reach it",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			text, err := l.subnet(ctx, d.Network)
			if err != nil {
				return err
			}
			subnet, err := netip.ParsePrefix(text)
			if err != nil {
				return err
			}
			at := subnet.Addr().As4()
			at[3] = 200 // the engine gives out low addresses first
			if err := d.Note("lan", fmt.Sprintf("%s/28", netip.AddrFrom4(at))); err != nil {
				return err
			}
			add := "ip link add x-lan type veth peer name x-lan2; ip link set x-lan2 up; ip link set x-lan up; ip addr add " + d.Notes["lan"] + " dev x-lan"
			if _, err := l.Exec(ctx, d.Node, "sh", "-ec", add); err != nil {
				return err
			}
			ns, err := l.TaskNS(ctx, d.Task)
			if err != nil {
				return err
			}
			at[3]++
			out, err := l.InNS(ctx, d.Node, ns, "ip", "route", "get", netip.AddrFrom4(at).String())
			if err == nil && strings.Contains(out, " via ") {
				err = fmt.Errorf("%s has a way out to %v: %s", d.Task.Name, at, out)
			}
			return err
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["lan"] == "" {
				return nil
			}
			_, err := l.Exec(ctx, d.Node, "sh", "-c", "ip link del x-lan 2>/dev/null; ! ip link show x-lan 2>/dev/null")
			return err
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "address-pool-overlap", Node: d.Node, Network: d.Network, Kind: "network", Name: d.Network})
		},
	}
}

// addressPoolOverlapAsked asks about what is lost: the place outside gets an address of the overlay's subnet, and the node a
// route to it.
func addressPoolOverlapAsked() Fault {
	return Fault{
		ID:    "address-pool-overlap.asked",
		Doc:   "a place outside has an address that is a part of the overlay's subnet: containers there do not reach it, and their node does",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			subnet, err := l.subnetOf(ctx, d.Network)
			if err != nil {
				return err
			}
			at := subnet.Addr().As4()
			at[3] = 210 // the engine gives out low addresses first
			place := netip.AddrFrom4(at)
			if err := d.Note("place", place.String()); err != nil {
				return err
			}
			if err := d.Note("name", spelled(place)); err != nil {
				return err
			}
			if err := l.inWires(ctx, "ip addr add "+place.String()+"/32 dev lo"); err != nil {
				return err
			}
			via := Outside.Addr().String()
			if l.Routed {
				via = gateway
			}
			if _, err := l.Exec(ctx, d.Node, "ip", "route", "add", place.String(), "via", via); err != nil {
				return err
			}
			t, err := l.startExtra(ctx, l.extraService("lookup", d.Node, []string{d.Network}))
			if err != nil {
				return err
			}
			if _, err := l.expectNames(ctx, t, d.Notes["name"], 1); err != nil {
				return err
			}
			return l.expectLeaving(ctx, t, netip.AddrPortFrom(place, Outside.Port()), Timeout, Opened)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			place := d.Notes["place"]
			if place == "" {
				return nil
			}
			if err := l.inWires(ctx, "ip addr del "+place+"/32 dev lo 2>/dev/null || true"); err != nil {
				return err
			}
			if _, err := l.Exec(ctx, d.Node, "sh", "-c", "ip route del "+place+" 2>/dev/null || true"); err != nil {
				return err
			}
			return l.removeExtras(ctx)
		},
		Want: func(_ *Lab, d *Draw) Want {
			w := d.askOutside(d.Notes["name"], Outside.Port(), Cause{ID: "address-pool-overlap", Node: d.Node, Kind: "network", Name: d.Network})
			w.From = extra + "lookup"
			return w
		},
	}
}

// addressPoolOverlapBridge gives a network of one node a subnet that the place outside is in.
func addressPoolOverlapBridge() Fault {
	return Fault{
		ID:    "address-pool-overlap.bridge",
		Doc:   "somebody made a bridge network on a node whose subnet contains a place outside: nobody on that node reaches it",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.outsideWell(ctx, d); err != nil {
				return err
			}
			api, err := l.API(d.Node)
			if err != nil {
				return err
			}
			subnet := netip.PrefixFrom(Outside.Addr(), 29)
			ipam := &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet.Masked(), Gateway: netip.MustParseAddr("10.77.0.6")}}}
			if _, err := api.NetworkCreate(ctx, extra+"lan", client.NetworkCreateOptions{Driver: "bridge", IPAM: ipam}); err != nil {
				return fmt.Errorf("create network %slan on %s: %w", extra, d.Node, err)
			}
			return l.expectOutside(ctx, d.Task, Outside, Timeout, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.removeExtras(ctx); err != nil {
				return err
			}
			return l.outsideWell(ctx, d)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.askOutside(OutsideName, Outside.Port(), Cause{ID: "address-pool-overlap", Node: d.Node, Kind: "network", Name: extra + "lan"})
		},
	}
}
