package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// VTEPSourceMismatch finds nodes whose overlay packets leave with another source
// address than the one their peers send to.
var VTEPSourceMismatch = &Check{
	ID:    "vtep-source-mismatch",
	Title: "overlay packets leave with another source address than the node's own",
	Doc: Doc{
		Symptom: "On a host with several addresses, containers reach no other node, or not some; TCP between the hosts works and every firewall is open. Encrypted networks fail where plain ones work.",
		Cause: "A vxlan link of the engine's has no source address, so the kernel picks one by its route to the peer. The peer knows the node by another, the one it was told (advertise-addr or data-path-addr): " +
			"its vxlan link drops packets whose source contradicts its permanent row, and so do firewalls and IPsec policies.",
		ByHand: "`ip route get PEER` on the host: `src` must be the \"Host IP\" that `docker network inspect -v NETWORK` tells of this node's tasks. `tcpdump -ni any udp port 4789` shows the source that is used.",
		Relief: "Give the route the right source address; it is in force at once.",
		Fix:    "Keep that route in the host's network configuration, or join the Swarm anew with the --data-path-addr that the routes use.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks, fact.KindRoutes},
	Because: []string{"advertise-addr-wrong"},
	Run:     vtepSource,
}

func vtepSource(in *In) []Finding {
	var out []Finding
	for _, node := range in.Sighted {
		host := in.hostOf(node, fact.KindLinks, fact.KindRoutes)
		if host == nil {
			continue
		}
		own, said := in.ownVTEP(node)
		if !own.IsValid() && !slices.Contains(expect.PathNodes(in.Scope), node.ID) {
			continue // it holds no end, so nobody speaks of it
		}
		if !own.IsValid() {
			in.Blind("%s: nobody says by which address its peers know it", node.Name)
			continue
		}
		f := Finding{Certainty: Proof, Structural: true, Node: node.Name, Subject: in.NodeSubject(node.ID)}
		var peers []string
		var first *fact.RouteLookup
		for _, peer := range expect.Peers(in.Snapshot, in.Scope, node) {
			look := wayBack(host, peer.Addr)
			if look == nil || !look.Src.IsValid() || look.Src == own {
				continue
			}
			some, never := in.crossings(node, &peer)
			if some && !never {
				continue // translated on the way, or nobody minds
			}
			if first == nil {
				first = look
			}
			peers = append(peers, peer.Name)
			f.Nodes = append(f.Nodes, peer.ID)
			f.Probed = f.Probed || never
			f.Evidence = append(f.Evidence, Evidence{Where: fmt.Sprintf("%s: way to %s (%s)", node.Name, peer.Name, peer.Addr),
				Want: fmt.Sprintf("src %s (%s)", own, said), Got: fmt.Sprintf("src %s", look.Src)})
		}
		if first == nil {
			continue
		}
		f.Peer = onlyPeer(peers)
		f.Message = fmt.Sprintf("overlay packets of %s to %s leave with source %s, but its peers know it as %s", node.Name, listed(peers), first.Src, own)
		f.Confirm = fmt.Sprintf("on %s: ip route get %s", node.Name, first.Dst)
		f.Relief = "on " + node.Name + ": " + sourced(host, first, own)
		out = append(out, f)
	}
	return out
}

// sourced is the command that gives the route of a look-up another source.
func sourced(host *fact.NetNS, look *fact.RouteLookup, src netip.Addr) string {
	var best *fact.Route
	for i := range host.Routes {
		r := &host.Routes[i]
		fits := r.Link == look.Link && (!r.Dst.IsValid() || r.Dst.Contains(look.Dst))
		if fits && (best == nil || r.Dst.Bits() > best.Dst.Bits()) {
			best = r
		}
	}
	dst, via, dev := look.Dst.String(), "", ""
	if best != nil && best.Dst.IsValid() {
		dst = best.Dst.String()
	}
	if look.Gateway.IsValid() {
		via = " via " + look.Gateway.String()
	}
	if l := host.Link(look.Link); l != nil {
		dev = " dev " + quoted(l.Name)
	}
	return fmt.Sprintf("ip route change %s%s%s src %s", dst, via, dev, src)
}
