package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// VXLANPortClash finds pairs of nodes between which only the data path port is
// lost on the wire, where somebody else is known to take that port for himself.
var VXLANPortClash = &Check{
	ID:    "vxlan-port-clash-hypervisor",
	Title: "somebody else takes the Swarm's VXLAN port for himself",
	Doc: Doc{
		Symptom: "As if a firewall dropped the overlay's packets, and every firewall is open. Only on VMware hosts prepared for NSX, often only between machines on the same host, or on hosts with another overlay (Cilium, flannel).",
		Cause:   "NSX, or another VXLAN program on the host, uses UDP 4789 itself and takes the packets before the engine's kernel sees them.",
		ByHand:  "On both hosts `tcpdump -ni ETH udp port 4789 or udp port 4790`; from one host send to both ports of the other (`nc -u -w1 ADDRESS PORT`): only what goes to 4790 arrives. `ip -d link show type vxlan` on the host shows other users of the port.",
		Relief:  "Move the other one to another port (NSX: VXLAN port 8472), or stop it on these hosts.",
		Fix:     "Make the Swarm anew with `docker swarm init --data-path-port` (19.03 and later); the port of a Swarm cannot be changed. Or keep the other one on another port for good.",
	},
	Needs:   []fact.Kind{fact.KindKernel, fact.KindLinks, fact.KindUnderlay},
	Because: []string{"underlay-peer-unreachable"},
	Run:     portClash,
}

func portClash(in *In) []Finding {
	var bad, good []pair
	for _, node := range in.Sighted {
		if node.Kernel == nil {
			in.Blind("%s: kernel was not seen", node.Name)
			continue
		}
		port := expect.DataPathPort(in.Snapshot, node)
		for _, peer := range expect.Peers(in.Snapshot, in.Scope, node) {
			p := pair{Node: node, Peer: peer, Tasks: in.runningOn(peer.ID)}
			r := in.read(node.Name, peer.ID, port)
			switch {
			case r.Stop == stopUnknown:
			case r.Stop != stopWire || !in.besidePasses([]pair{p}, port):
				good = append(good, p)
			default:
				if taker := in.takers(&p, port); len(taker) > 0 {
					beside := in.read(node.Name, peer.ID, expect.NeighbourPort(port))
					p.Evidence = append([]Evidence{r.Evidence, beside.Evidence}, taker...)
					bad = append(bad, p)
				}
			}
		}
	}
	var out []Finding
	for _, f := range in.blame(bad, good) {
		p := &f.Pairs[0]
		port := expect.DataPathPort(in.Snapshot, p.Node)
		f.Probed = true
		f.Message = fmt.Sprintf("UDP %d gets lost between %s, the port beside it does not: %s", port, f.between(), p.Evidence[len(p.Evidence)-1].Got)
		f.Confirm = fmt.Sprintf("on both ends: tcpdump -ni any udp port %d or udp port %d; ip -d link show type vxlan", port, expect.NeighbourPort(port))
		f.Relief = f.onEach(fmt.Sprintf("move the other user of UDP %d to another port (NSX: VXLAN port 8472), or stop it", port))
		out = append(out, f.Finding)
	}
	return out
}

// takers are the signs that somebody else uses the port on either host: a
// machine of VMware's, or a vxlan link that is not the engine's.
func (in *In) takers(p *pair, port uint16) []Evidence {
	var out []Evidence
	unnamed := false
	for _, n := range []*fact.Node{p.Node, in.Node(p.Peer.ID)} {
		if n == nil || n.Kernel == nil {
			continue
		}
		unnamed = unnamed || n.Kernel.Vendor == ""
		if strings.Contains(n.Kernel.Vendor, "VMware") {
			out = append(out, Evidence{n.Name + ": machine", "nobody else uses UDP " + fmt.Sprint(port), "it is of " + n.Kernel.Vendor + ", whose NSX may"})
		}
		for i := range n.Kernel.Namespaces {
			ns := &n.Kernel.Namespaces[i]
			if ns.Role == fact.RoleOverlay {
				continue
			}
			for _, l := range ns.Links {
				if l.VXLAN != nil && l.VXLAN.Port == port {
					out = append(out, Evidence{fmt.Sprintf("%s: vxlan links of %s", n.Name, ns.Name), "the engine's only", fmt.Sprintf("%s (VNI %d) uses UDP %d, too", l.Name, l.VXLAN.ID, port)})
				}
			}
		}
	}
	if len(out) == 0 && unnamed {
		in.Blind("%s → %s: only UDP %d is lost, and whose machines these are is not known", p.Node.Name, p.Peer.Name, port)
	}
	slices.SortFunc(out, func(a, b Evidence) int { return strings.Compare(a.Where+a.Got, b.Where+b.Got) })
	return out
}
