package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/fact"
)

// trouble is what is wrong with a link, and the command that puts it right.
type trouble struct{ want, got, relief string }

// troubles judges a link inside the overlay's namespace.
func (o *overlay) troubles(l *fact.Link, bridged bool) []trouble {
	var out []trouble
	say := func(bad bool, want, got, relief string) {
		if bad {
			out = append(out, trouble{l.Name + " " + want, got, Enter(o.NS.Name) + relief})
		}
	}
	member := l.VXLAN != nil || l.Kind == "veth"
	say((member || l.Kind == "bridge") && !l.Up, "up", "down", "ip link set "+quoted(l.Name)+" up")
	say(member && bridged && !o.isBridge(l.Master), "in the bridge", "in no bridge", "ip link set "+quoted(l.Name)+" master br0")
	say(l.VXLAN != nil && l.Up && !l.Carrier, "with carrier", "no carrier", "ip link set "+quoted(l.Name)+" up")
	if gw := o.gateways(); l.Kind == "bridge" && len(gw) > 0 {
		has := slices.ContainsFunc(l.Addrs, func(p netip.Prefix) bool { return slices.Contains(gw, p) })
		say(!has, "with the gateway's address", fmt.Sprintf("addresses %v", l.Addrs), fmt.Sprintf("ip addr add %s dev %s", gw[0], quoted(l.Name)))
	}
	return out
}

func (o *overlay) isBridge(index int) bool {
	l := o.NS.Link(index)
	return l != nil && l.Kind == "bridge"
}

// gateways are the addresses a bridge of the overlay may have, one a subnet.
func (o *overlay) gateways() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range o.Net.Subnets {
		if s.Gateway.IsValid() && s.Gateway.Is4() {
			out = append(out, netip.PrefixFrom(s.Gateway, s.Prefix.Bits()))
		}
	}
	return out
}

// portTroubles judges both ends of a local endpoint's veth pair.
func (o *overlay) portTroubles(in *In, p *port, bridged bool) []trouble {
	enter := Enter(p.Sandbox.Name)
	if p.Inner == nil {
		t := trouble{"an interface with " + p.Prefix.String(), "none", ""}
		if i := slices.IndexFunc(p.Sandbox.Links, func(l fact.Link) bool { return l.MAC == p.MAC && l.Kind == "veth" }); i >= 0 {
			t.relief = fmt.Sprintf("%sip addr add %s dev %s", enter, p.Prefix, p.Sandbox.Links[i].Name)
		}
		return []trouble{t}
	}
	if p.Outer == nil {
		in.Blind("%s: the other end of %s of %s was not found", o.Node.Name, p.Inner.Name, p.Name)
		return nil
	}
	out := o.troubles(p.Outer, bridged)
	if !p.Inner.Up {
		out = append(out, trouble{p.Inner.Name + " of " + p.Name + " up", "down", enter + "ip link set " + quoted(p.Inner.Name) + " up"})
	} else if p.Outer.Up && !(p.Inner.Carrier && p.Outer.Carrier) {
		out = append(out, trouble{p.Inner.Name + " of " + p.Name + " with carrier", "no carrier", enter + "ip link set " + quoted(p.Inner.Name) + " up"})
	}
	return out
}
