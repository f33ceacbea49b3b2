package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

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
	full := m.MTU + expect.Overhead(peer.Addr)
	if link, mtu := wayTo(node, peer.Addr); link != "" && mtu < full {
		out = append(out, Evidence{fmt.Sprintf("%s: %s towards %s", node.Name, link, peer.Name), fmt.Sprintf("mtu %d or more", full), fmt.Sprint("mtu ", mtu)})
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

// ladders are the ladders between a fault's nodes.
func (f *fault) ladders(lost map[string][]fact.MTUProbe) []fact.MTUProbe {
	var out []fact.MTUProbe
	for _, p := range f.Pairs {
		for _, m := range lost[p.Node.Name] {
			same := func(o fact.MTUProbe) bool { return o.From == m.From && o.Target == m.Target && o.Network == m.Network }
			if slices.Contains(p.Tasks, m.To) && slices.Contains(p.Tasks, m.From.Task) && !slices.ContainsFunc(out, same) {
				out = append(out, m)
			}
		}
	}
	return out
}

// narrow are the commands that make all ends of these ladders send, and ask for,
// packets that pass, and what to do about ends that nobody looked at.
func (in *In) narrow(ladders []fact.MTUProbe, mtu int) string {
	var out []string
	for _, o := range in.quiet().overlays(fact.KindLinks) {
		for _, p := range in.quiet().ports(o.Node, o.Net, o.NS) {
			ours := slices.ContainsFunc(ladders, func(m fact.MTUProbe) bool {
				from := m.From.Node == o.Node.Name && m.From.NetNS == p.Sandbox.Name
				return m.Network == o.Net.ID && (from || m.Target == p.Prefix.Addr())
			})
			if ours && p.Inner != nil {
				out = append(out, fmt.Sprintf("on %s: %sip link set %s mtu %d", o.Node.Name, Enter(p.Sandbox.Name), quoted(p.Inner.Name), mtu))
			}
		}
	}
	for _, m := range ladders {
		t := in.Wanted.Task(m.To)
		if t == nil || in.Node(t.Node) != nil {
			continue
		}
		if l := fmt.Sprintf("%s on %s was not looked at: give its interface MTU %d, too.", expect.ShortName(t), in.NodeName(t.Node), mtu); !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

// quiet is the same view for what a check wants to know by the way: what it
// lacks is no reason to say unknown.
func (in *In) quiet() *In { return &In{Snapshot: in.Snapshot, Scope: in.Scope, Sighted: in.Sighted} }

// evenEnds are the tasks of ladders both of whose ends have their network's MTU:
// one that somebody changed is lost for that. All of them where there is none.
func (in *In) evenEnds(all []fact.TaskID, ladders []fact.MTUProbe) []fact.TaskID {
	var odd, out []fact.TaskID
	q := in.quiet()
	overlays := q.overlays(fact.KindLinks)
	for i := range overlays {
		o := &overlays[i]
		for _, m := range q.members(o) {
			if m.Subject.Kind == "task" && m.Link.MTU != q.memberMTU(overlays, o) {
				odd = append(odd, fact.TaskID(m.Subject.ID))
			}
		}
	}
	for _, m := range ladders {
		if !slices.Contains(odd, m.To) && !slices.Contains(odd, m.From.Task) {
			out = append(out, m.From.Task, m.To)
		}
	}
	if len(out) == 0 {
		return all
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// belowHole adds to a link that is narrower than its network the nodes between
// which larger packets get lost for another reason, if it is on one: then
// somebody narrowed it for that.
func (in *In) belowHole(f *Finding, holes []Finding) {
	for _, h := range holes {
		if f.Certainty != Strong {
			return // it is wider than its network: that is nobody's relief
		}
		own := nodeNamed(in.Snapshot, f.Node)
		if slices.Contains(h.Nodes, own) && !slices.Contains(h.Tasks, fact.TaskID(f.Subject.ID)) {
			f.Nodes = append(f.Nodes, h.Nodes...)
		}
	}
}
