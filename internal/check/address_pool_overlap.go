package check

import (
	"fmt"
	"net/netip"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// AddressPoolOverlap finds networks of the engine whose addresses are somebody
// else's, too.
var AddressPoolOverlap = &Check{
	ID:    "address-pool-overlap",
	Title: "a network's addresses are also those of hosts outside",
	Doc: Doc{
		Symptom: "Containers do not reach certain hosts, data bases or name servers outside, which the node itself reaches; or, since a network was created, nodes do not reach each other.",
		Cause: "The subnet of an overlay, of ingress or of docker_gwbridge contains a range that is in use elsewhere. In a container the network's own route is the nearer one, so packets for the hosts outside stay inside and find nobody. " +
			"The default pool (10.0.0.0/8 for overlays, 172.17.0.0/12 for bridges) meets many a company's own.",
		ByHand: "`ip route` on the node against `docker network inspect NETWORK --format '{{json .IPAM.Config}}'`; `ip route get HOST` in the container's namespace and on the node differ.",
		Relief: "Move the services to a network with another subnet: `docker network create -d overlay --subnet 192.168.200.0/24 NEW`, `docker service update --network-add NEW --network-rm OLD SERVICE`.",
		Fix:    "Choose pools that nobody uses: `docker swarm init --default-addr-pool` for overlays, ingress created anew with `--subnet`, `bip` and `default-address-pools` in daemon.json for bridges.",
	},
	Needs:  []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindRoutes, fact.KindResolv},
	Claims: anyFailure,
	Run:    addressOverlap,
}

func addressOverlap(in *In) []Finding {
	var out []Finding
	for _, node := range in.Sighted {
		host := node.Kernel.Host()
		if node.Engine == nil || host == nil || !in.Can(node, host.Name, fact.KindLinks, fact.KindRoutes) {
			in.Blind("%s: engine or kernel was not seen", node.Name)
			continue
		}
		for i := range node.Engine.Networks {
			n := &node.Engine.Networks[i]
			ranges := in.placesWithin(node, host, n)
			if n.Driver == "overlay" && n.Instantiated || n.Name == "docker_gwbridge" {
				ranges = append(ranges, in.outsides(node, host)...)
			}
			out = append(out, in.overlaps(node, ranges, n)...)
		}
	}
	return out
}

func (in *In) overlaps(node *fact.Node, ranges []outside, n *fact.EngineNetwork) []Finding {
	f := Finding{Certainty: Strong, Node: node.Name, Network: n.ID, Subject: Subject{Kind: "network", ID: string(n.ID), Name: n.Name}, Structural: true, Impact: ImpactNetwork}
	more := false
	for _, s := range n.Subnets {
		for _, o := range ranges {
			if s.Prefix.IsValid() && s.Prefix.Bits() <= o.Prefix.Bits() && s.Prefix.Overlaps(o.Prefix) {
				if f.Message == "" {
					f.Message = fmt.Sprintf("%s of %s contains %s on %s: containers there cannot reach it", s.Prefix, n.Name, o.What, node.Name)
					f.Confirm = fmt.Sprintf("on %s: ip route get %s; the same in a container's namespace", node.Name, o.host())
				}
				if o.Place {
					f.Network, f.Only = "", Leaving // no overlay lies on the way that is asked about
					f.Places = append(f.Places, netip.AddrPortFrom(o.Prefix.Addr(), in.Scope.Outside.Port))
				}
				more = more || !o.Place
				if o.Vital {
					f.Certainty = Proof
				}
				f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("%s: subnet of %s", node.Name, n.Name), o.wanted(), s.Prefix.String()})
			}
		}
	}
	if f.Message == "" {
		return nil
	}
	if more {
		f.Places = nil // it harms what goes elsewhere, too
	}
	f.Relief = fmt.Sprintf("docker network create -d overlay --attachable --subnet FREE-RANGE %[2]s; docker service update --network-add %[2]s --network-rm %[1]s SERVICE", quoted(n.Name), quoted(n.Name+"-2"))
	if n.Driver != "overlay" {
		f.Network = "" // every path leads over the node's own bridge
		f.Relief, f.Impact = in.rebuilt(node, n)
	}
	return []Finding{f}
}

// rebuilt is how a bridge of one node gets another subnet.
func (in *In) rebuilt(node *fact.Node, n *fact.EngineNetwork) (relief, impact string) {
	switch n.Name {
	case expect.GatewayBridge:
		return fmt.Sprintf("on %[1]s: drain it, then docker network rm %[2]s; docker network create --subnet FREE-RANGE -o com.docker.network.bridge.enable_icc=false -o com.docker.network.bridge.enable_ip_masquerade=true -o com.docker.network.bridge.name=%[2]s %[2]s", node.Name, quoted(n.Name)), ImpactNode(node.Name)
	case "bridge":
		return fmt.Sprintf("on %s: give \"bip\" in /etc/docker/daemon.json an address of a range that nobody uses, and restart the engine", node.Name), ImpactNode(node.Name)
	}
	return fmt.Sprintf("on %[1]s: stop its containers, then docker network rm %[2]s; docker network create --subnet FREE-RANGE %[2]s", node.Name, quoted(n.Name)), "all containers on " + n.Name
}
