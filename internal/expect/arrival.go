package expect

import (
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// Arrival is what a host's rules do with a new connection to one of its
// published ports that comes from another node.
type Arrival struct {
	// At is the node's address that is asked, In the interface it comes in by.
	At netip.Addr
	In string
	// Pre is the walk through PREROUTING.
	Pre Walked
	// Translated: Pre led it to an address of another namespace.
	Translated bool
	// Forward and Back are the walks of its first packet and of the answer through
	// FORWARD; zero when Pre did not translate it.
	Forward, Back Walked
}

// Arrive walks a published port's packets through a host's rules. The reason
// says why they could not be walked; it is empty otherwise.
func Arrive(s *fact.Snapshot, n *fact.Node, p *Published) (Arrival, string) {
	host := n.Kernel.Host()
	if host == nil {
		return Arrival{}, "its host's namespace was not read"
	}
	a, link := front(s, n, host)
	if link == nil {
		return Arrival{}, "no interface holds the address by which it is asked"
	}
	out := Arrival{At: a, In: link.Name}
	packet := Packet{Src: stranger(s, n, a), Dst: a, Proto: ProtoNumber(p.Port.Proto), SrcPort: 40000, DstPort: p.Port.Published, Flags: 2,
		In: link.Name, State: "NEW", IPVS: No, IPsec: No}
	out.Pre = Walk(host, "prerouting", packet)
	to := out.Pre.Packet
	if out.Pre.Fate != Accepted || !to.Dst.IsValid() || host.LinkWith(to.Dst) != nil || to.Dst == a {
		return out, ""
	}
	out.Translated = true
	to.Out = GatewayBridge
	out.Forward = Walk(host, "forward", to)
	out.Back = Walk(host, "forward", Packet{Src: to.Dst, Dst: to.Src, Proto: to.Proto, SrcPort: to.DstPort, DstPort: to.SrcPort, Flags: 0x12,
		In: GatewayBridge, Out: link.Name, State: "ESTABLISHED", IPVS: No, IPsec: No})
	return out, ""
}

// front is the address by which others ask a node, and the interface that holds it.
func front(s *fact.Snapshot, n *fact.Node, host *fact.NetNS) (netip.Addr, *fact.Link) {
	for _, a := range []netip.Addr{HostAddr(s, n.ID), Advertised(s, n.ID), VTEP(s, n.ID)} {
		if l := host.LinkWith(a); a.IsValid() && l != nil {
			return a, l
		}
	}
	return netip.Addr{}, nil
}

// stranger is an address that requests come from: another node's, as ours do.
func stranger(s *fact.Snapshot, n *fact.Node, a netip.Addr) netip.Addr {
	if s.Wanted != nil {
		for _, o := range s.Wanted.Nodes {
			if b := HostAddr(s, o.ID); o.ID != n.ID && b.IsValid() && b != a && b.Is4() == a.Is4() {
				return b
			}
		}
	}
	return netip.AddrFrom4([4]byte{198, 51, 100, 1}) // documentation's own network
}

// IngressRules are the chains of the routing mesh in a host, of the backend that
// has them.
type IngressRules struct {
	Backend fact.Backend
	// Chain is their name: DOCKER-INGRESS; DOCKER where the engine publishes
	// through the gateway bridge like any container's port (moby#53118, after
	// 29.7; seen on v2.0.0-beta.24).
	Chain string
	// Bridged says that it is the latter, Foreign that the engine keeps tables of
	// its own in nf_tables (29, firewall-backend), where nothing is looked for.
	Bridged, Foreign bool
	// NAT and Filter are the two chains; nil where there is none.
	NAT, Filter *fact.Chain
	// Jumps to them, by the chain they stand in.
	Prerouting, Output, Forward bool
}

// HostIngress finds the chains of the routing mesh: in the backend that has
// them, else in the one that has any chain of the engine's. An engine that
// publishes through the bridge leaves route_localnet of the gateway bridge off.
func HostIngress(host *fact.NetNS) IngressRules {
	out := IngressRules{Backend: EngineBackend(host), Chain: ingressChain}
	if host.Netfilter == nil {
		return out
	}
	for _, t := range host.Netfilter.Tables {
		out.Foreign = out.Foreign || strings.HasPrefix(t.Name, "docker-")
	}
	nat, filter := host.Netfilter.Table(out.Backend, "ip", "nat"), host.Netfilter.Table(out.Backend, "ip", "filter")
	local, _ := host.Sysctl("net.ipv4.conf." + GatewayBridge + ".route_localnet")
	if out.Bridged = local == "0" && nat.Chain(ingressChain) == nil && filter.Chain(ingressChain) == nil; out.Bridged {
		out.Chain = "DOCKER"
	}
	out.NAT, out.Filter = nat.Chain(out.Chain), filter.Chain(out.Chain)
	out.Prerouting, out.Output = leads(nat, "PREROUTING", out.Chain), leads(nat, "OUTPUT", out.Chain)
	// Since 28.0.1 the jump is in DOCKER-FORWARD, before in FORWARD itself; to
	// DOCKER it is in DOCKER-BRIDGE.
	out.Forward = leads(filter, "FORWARD", out.Chain) || leads(filter, "DOCKER-FORWARD", out.Chain) || leads(filter, "DOCKER-BRIDGE", out.Chain)
	return out
}

const ingressChain = "DOCKER-INGRESS"

func leads(t *fact.RuleTable, from, to string) bool {
	c := t.Chain(from)
	return c != nil && slices.ContainsFunc(c.Rules, func(r fact.Rule) bool { return r.Target.Kind == fact.TargetJump && r.Target.Chain == to })
}

// EngineBackend is the backend in which the engine writes its rules: where its
// chains are. Where neither has any, it is the one that has rules at all, and
// nf_tables when both or none have.
func EngineBackend(host *fact.NetNS) fact.Backend {
	best, most := fact.NFTables, 0
	if host.Netfilter == nil {
		return best
	}
	for i := range host.Netfilter.Tables {
		t := &host.Netfilter.Tables[i]
		if t.Family != "ip" {
			continue
		}
		n := 0
		for _, c := range t.Chains {
			if slices.Contains([]string{"DOCKER", ingressChain, "DOCKER-USER", "DOCKER-FORWARD", "DOCKER-ISOLATION-STAGE-1"}, c.Name) {
				n += 1000
			}
			n += len(c.Rules)
		}
		if n > most {
			best, most = t.Backend, n
		}
	}
	return best
}
