package check

import (
	"fmt"
	"net/netip"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// below reads what datagrams between the hosts say of a ladder on the overlay,
// and returns what is wrong there; told: they say something. Where no echo came
// back, what the datagrams say is written into the ladder.
func (in *In) below(node *fact.Node, peer *expect.Peer, m *fact.MTUProbe) (wrong []Evidence, told bool) {
	port, full := expect.DataPathPort(in.Snapshot, node), m.MTU+expect.VXLANOverhead
	passed, failed, counted := full, 0, 0
	for _, d := range []struct {
		from, to string
		peer     fact.NodeID
	}{{node.Name, peer.Name, peer.ID}, {peer.Name, node.Name, node.ID}} {
		l, ok := in.carried(d.from, d.peer, port, full)
		if !ok {
			continue
		}
		counted++
		if l.Failed == 0 {
			continue
		}
		e := Evidence{fmt.Sprintf("%s → %s: datagrams to UDP %d", d.from, d.to, port), fmt.Sprintf("packets of %d bytes arrive", full), fmt.Sprintf("%d arrive, %d do not", l.Passed, l.Failed)}
		if l.Refused {
			e.Got = fmt.Sprintf("%d arrive, %d do not fit through %s's own interface", l.Passed, l.Failed, d.from)
		} else if l.ToldMTU > 0 {
			e.Got += fmt.Sprintf("; %s says that %d fit", l.ToldBy, l.ToldMTU)
		}
		wrong = append(wrong, e)
		if passed = min(passed, l.Passed); failed == 0 || l.Failed < failed {
			failed = l.Failed
		}
	}
	if m.Passed == 0 && failed > 0 {
		m.Passed, m.Failed = passed-expect.VXLANOverhead, failed-expect.VXLANOverhead
	}
	return wrong, len(wrong) > 0 || counted == 2
}

// rungs is what a ladder showed, with who told about it, and this host's own
// interface where that is too narrow already.
func (in *In) rungs(node *fact.Node, peer *expect.Peer, m *fact.MTUProbe) []Evidence {
	where := fmt.Sprintf("%s → %s on %s", node.Name, peer.Name, in.NetworkName(m.Network))
	out := []Evidence{{where, fmt.Sprintf("packets of %d bytes pass", m.MTU), fmt.Sprintf("%d pass, %d do not", m.Passed, m.Failed)}}
	if m.ToldMTU > 0 && m.ToldBy.IsValid() {
		out = append(out, Evidence{where, "no complaint", fmt.Sprintf("%s says that %d fit", m.ToldBy, m.ToldMTU)})
	}
	if link, mtu := wayTo(node, peer.Addr); link != "" && mtu < m.MTU+expect.VXLANOverhead {
		out = append(out, Evidence{fmt.Sprintf("%s: %s towards %s", node.Name, link, peer.Name), fmt.Sprintf("mtu %d or more", m.MTU+expect.VXLANOverhead), fmt.Sprint("mtu ", mtu)})
	}
	return out
}

// wayTo is the interface a host uses for an address and what it, or the route,
// carries; empty when nobody knows.
func wayTo(node *fact.Node, a netip.Addr) (string, int) {
	host := node.Kernel.Host()
	if host == nil {
		return "", 0
	}
	for _, l := range host.Lookups {
		if link := host.Link(l.Link); l.Dst == a && link != nil {
			if l.MTU > 0 {
				return link.Name, min(l.MTU, link.MTU)
			}
			return link.Name, link.MTU
		}
	}
	return "", 0
}
