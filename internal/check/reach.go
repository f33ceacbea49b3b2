package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// reach notes what stands between a node and a peer: its own route and link
// first, which prove it, then the next hop, then the peer's silence.
func (in *In) reach(host *fact.NetNS, p *pair) {
	where := fmt.Sprintf("%s: way to %s", p.Node.Name, p.Peer.Addr)
	if p.Peer.ID != "" {
		where = fmt.Sprintf("%s: way to %s (%s)", p.Node.Name, p.Peer.Name, p.Peer.Addr)
	}
	probes := in.asked(p.Node, &p.Peer, "")
	at := slices.IndexFunc(host.Lookups, func(l fact.RouteLookup) bool { return l.Dst == p.Peer.Addr })
	if slices.ContainsFunc(probes, answered) {
		return
	}
	if at < 0 {
		in.Blind("%s: how it would reach %s (%s) was not asked", p.Node.Name, p.Peer.Name, p.Peer.Addr)
		return
	}
	look := host.Lookups[at]
	link := host.Link(look.Link)
	switch {
	case look.Err != "":
		p.Evidence, p.Proof = []Evidence{{where, "a route", look.Err}}, true
	case link != nil && !link.Up:
		p.Evidence, p.Proof = []Evidence{{where, link.Name + " up", link.Name + " is down"}}, true
	case link != nil && !link.Carrier:
		p.Evidence, p.Proof = []Evidence{{where, link.Name + " with carrier", link.Name + " has no carrier"}}, true
	default:
		p.Evidence = append(silentHop(host, &look, where), in.silentPeer(p, probes, where)...)
	}
}

func silentHop(host *fact.NetNS, look *fact.RouteLookup, where string) []Evidence {
	hop := look.Gateway
	if !hop.IsValid() {
		hop = look.Dst
	}
	for _, n := range host.Neighbours {
		if n.IP == hop && n.Link == look.Link && (n.State == fact.Failed || n.State == fact.Incomplete) {
			return []Evidence{{where, fmt.Sprintf("next hop %s answers", hop), fmt.Sprintf("next hop %s does not answer (%s)", hop, n.State)}}
		}
	}
	return nil
}

// silentPeer: nothing answers, on two ports, or on one and the managers do not
// hear it either. They say so only after 15 s.
func (in *In) silentPeer(p *pair, probes []fact.PeerProbe, where string) []Evidence {
	n := in.Wanted.Node(p.Peer.ID)
	if heard := n == nil || n.State == "ready"; len(probes) == 0 || len(probes) == 1 && heard {
		return nil
	}
	var out []Evidence
	for _, q := range probes {
		out = append(out, Evidence{where, fmt.Sprintf("TCP %d open", q.Target.Port()), fmt.Sprintf("TCP %d: %s", q.Target.Port(), q.Outcome)})
	}
	return out
}

// routeRelief is what can be done on this node; nothing when the other end must
// be looked at.
func (in *In) routeRelief(p *pair) string {
	host := p.Node.Kernel.Host()
	on := "on " + p.Node.Name + ": "
	for _, l := range host.Links {
		if !l.Up && slices.ContainsFunc(l.Addrs, func(a netip.Prefix) bool { return a.Contains(p.Peer.Addr) }) {
			return on + "ip link set " + quoted(l.Name) + " up"
		}
	}
	for _, r := range host.Routes {
		if kind := map[int]string{6: "blackhole", 7: "unreachable", 8: "prohibit"}[r.Type]; kind != "" && r.Dst.Contains(p.Peer.Addr) {
			return on + fmt.Sprintf("ip route del %s %s", kind, r.Dst)
		}
	}
	return ""
}

// runningOn lists the tasks of the question that should run on a node.
func (in *In) runningOn(id fact.NodeID) []fact.TaskID {
	var out []fact.TaskID
	for _, ends := range [][]expect.End{in.Scope.From, in.Scope.To} {
		for _, e := range ends {
			if e.Node == id && id != "" && e.Task != "" {
				out = append(out, e.Task)
			}
		}
	}
	return out
}

// nobodyListens: a peer's own kernel refuses all of its engine's ports, which
// is what a host does whose engine has just stopped. A firewall that refuses
// says so by ICMP as a rule, and rarely for both ports.
func (in *In) nobodyListens(node *fact.Node, peer fact.NodeID) bool {
	refused := 0
	for _, p := range in.Seen.Peers {
		if p.Node != node.Name || p.Peer != peer || peer == "" {
			continue
		}
		if p.Outcome != fact.Refused || p.ICMP != nil {
			return false
		}
		refused++
	}
	return refused > 1
}
