package check

import (
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// UnderlayVXLANBlocked finds pairs of nodes between which the overlay's UDP
// packets get lost, although everything else between them works. Seen from two
// sides it says whose firewall it is, or that it is neither's.
var UnderlayVXLANBlocked = &Check{
	ID:    "underlay-vxlan-udp-blocked",
	Title: "overlay packets (VXLAN over UDP) get lost between nodes",
	Doc: Doc{
		Symptom: "Containers on the same node reach each other, containers on different nodes time out. Names resolve, all nodes are Ready. A published port answers only on nodes that run a task.",
		Cause:   "A host firewall, a security group or a hypervisor drops the Swarm's data path port (UDP 4789 unless chosen at init), in one or both directions, while the gossip port passes.",
		ByHand:  "`tcpdump -ni ETH udp port 4789` on both hosts while a container connects: packets that leave one host and do not come to the other are dropped between them; those that come and are not answered, by the firewall of the second. `iptables -nvL` and `nft list ruleset` show counters of rules that drop.",
		Relief:  "Let the port in or out where it is dropped, or on both nodes where nobody can tell, before any other rule.",
		Fix:     "Open the data path port among all nodes, both ways, in host firewalls and security groups.",
	},
	Needs: []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindNeighbours, fact.KindFDB, fact.KindCounters,
		fact.KindTCP, fact.KindMTU, fact.KindUnderlay},
	Because: []string{"conntrack-full", "neigh-table-overflow", "underlay-peer-unreachable", "duplicate-node-identity", "data-path-port-mismatch", "overlay-port-down-or-unenslaved", "vni-mismatch",
		"advertise-addr-wrong", "vtep-source-mismatch", "nic-tx-checksum-offload", "duplicate-ip-or-vip", "vxlan-port-clash-hypervisor", "rp-filter-strict", "mac-changed-by-manager", "duplicate-mac", "bridge-fdb-learned-stale", "stale-overlay-netns",
		"app-firewall-inside"},
	Run: vxlanBlocked,
}

func vxlanBlocked(in *In) []Finding {
	var bad, good []pair
	for _, o := range in.overlays(fact.KindLinks, fact.KindCounters) {
		for _, peer := range in.overlayPeers(&o) {
			p := pair{Node: o.Node, Peer: peer, Encrypted: in.encrypted(o.Net.ID)}
			switch in.crossed(&o, &p) {
			case crossedNever:
				in.lostOnTheWay(&o, &p)
				if len(p.Evidence) > 0 {
					bad = append(bad, p)
				}
			case crossedSome:
				good = append(good, p)
			}
		}
	}
	closed, lost, fine := in.closures(bad, in.ruled(in.readData, in.vtepOf))
	lost, fine = in.plain(lost), in.plain(fine)
	var out []Finding
	for _, c := range closed {
		port, f := c.Port, c.finding(in)
		f.Message = fmt.Sprintf("%s itself drops %s", c.Node, c.told(fmt.Sprintf("overlay packets (UDP %d)", port)))
		f.Confirm = fmt.Sprintf("on %s: iptables -nvL | grep %d; nft list ruleset | grep %d", c.Node, port, port)
		f.Relief = c.open()
		out = append(out, f)
	}
	for _, f := range in.blame(lost, append(good, fine...)) {
		p := &f.Pairs[0]
		port := expect.DataPathPort(in.Snapshot, p.Node)
		f.Probed = true
		f.Message = fmt.Sprintf("overlay packets (UDP %d) get lost between %s: TCP to the host passes, nothing on the overlay does", port, f.between())
		if in.besidePasses(f.Pairs, port) {
			f.Message += fmt.Sprintf("; UDP %d beside it passes", expect.NeighbourPort(port))
		}
		f.Confirm = fmt.Sprintf("on %s: iptables -nvL | grep %d; on both ends: tcpdump -ni any udp port %d", p.Node.Name, port, port)
		f.Relief = f.onEach(accept("INPUT", port), accept("OUTPUT", port))
		out = append(out, f.Finding)
	}
	return out
}

// gossipOf is what a peer's gossip port said, and whether the engine counts it
// among its peers. Without the managers nobody knows which peer an address of
// overlay packets belongs to, where gossip has another: then all of them count.
func (in *In) gossipOf(o *overlay, p *pair) (probes []fact.PeerProbe, known bool) {
	known = slices.ContainsFunc(o.Net.Peers, func(g fact.Peer) bool { return g.IP == p.Peer.Control || g.IP == p.Peer.Addr })
	if known || p.Peer.ID != "" {
		return in.asked(p.Node, &p.Peer, "gossip"), known
	}
	for _, g := range o.Net.Peers {
		probes = append(probes, in.asked(p.Node, &expect.Peer{Addr: g.IP}, "gossip")...)
	}
	return probes, len(probes) > 0
}

// lostOnTheWay adds evidence if all that this node holds for the peer is right,
// the peer's host answers, and the vxlan link did send.
func (in *In) lostOnTheWay(o *overlay, p *pair) {
	vx := o.VXLAN()
	gossip, known := in.gossipOf(o, p)
	if vx == nil || !known || !in.rowsRight(o, p) {
		return
	}
	if len(gossip) == 0 {
		in.Blind("%s: TCP %d of %s was not tried", p.Node.Name, expect.GossipPort, p.Peer.Name)
		return
	}
	if outcomes(gossip, fact.Open) < len(gossip) {
		return
	}
	sent, ok := o.sent(vx)
	if !ok {
		in.Blind("%s: counters of %s were not sampled twice", p.Node.Name, vx.Name)
	} else if sent != "" {
		p.Evidence = []Evidence{
			{fmt.Sprintf("%s → %s on %s", p.Node.Name, p.Peer.Name, o.Net.Name), "TCP connects", fmt.Sprintf("every connection times out; TCP %s of the host is open", gossip[0].Target)},
			{fmt.Sprintf("%s: %s of %s", p.Node.Name, vx.Name, o.Net.Name), "answers to what was sent", sent}}
	}
}
