package check

import (
	"fmt"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// GossipUDPBlocked finds nodes between which gossip's datagrams are lost while
// its TCP port is open: everything looks well until something changes.
var GossipUDPBlocked = &Check{
	ID:    "gossip-udp-blocked",
	Title: "gossip's UDP packets get lost, and so news of tasks comes late",
	Doc: Doc{
		Symptom: "After each deployment, names and addresses of new tasks are unknown on some node for up to 30 s, or dead ones are still given out; then all is well. Nodes flap in the logs. Everything answers when you look.",
		Cause: "Port 7946 is open for TCP and closed for UDP. Engines then find each other alive over TCP, but what changes is told by UDP; " +
			"without it a node learns only when it exchanges everything with another, every 30 s.",
		ByHand: "`tcpdump -ni ETH udp port 7946` on both hosts: each asks each once in a while (nodes × 1 s). What leaves one and does not come to the other is dropped between them, what comes and is never answered by the second's firewall. The engine's log says \"Was able to connect to … over TCP but UDP probes failed\".",
		Relief: "Let UDP 7946 in or out where it is dropped, before any other rule.",
		Fix:    "Open 7946, TCP and UDP, among all nodes, workers too, in host firewalls and security groups.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindUnderlay},
	Because: []string{"conntrack-full", "underlay-peer-unreachable", "gossip-7946-blocked", "dockerd-hung", "duplicate-node-identity"},
	Run:     gossipUDPBlocked,
}

func gossipUDPBlocked(in *In) []Finding {
	if expect.WatchGossip(in.Snapshot) > 0 && len(in.gossipFlows()) == 0 {
		in.Blind("packets of gossip were not counted")
	}
	read := in.ruled(in.readGossip, in.gossipOn)
	var bad, good []pair
	for _, node := range in.Sighted {
		for _, peer := range expect.Peers(in.Snapshot, in.Scope, node) {
			p := pair{Node: node, Peer: peer}
			if !in.gossipConnects(&p) {
				continue
			}
			r := read(&p)
			switch {
			case r[0].Stop > stopNone || r[1].Stop > stopNone:
				p.Tasks = in.runningOn(peer.ID)
				bad = append(bad, p)
			case r[0].Stop == stopNone && r[1].Stop == stopNone:
				good = append(good, p)
			}
		}
	}
	closed, lost, fine := in.closures(bad, read)
	var out []Finding
	confirm := fmt.Sprintf("on both ends: tcpdump -ni any udp port %d", expect.GossipPort)
	for _, c := range closed {
		f := c.finding(in)
		if len(c.By) == 0 {
			f.Certainty = Strong // gossip's packets are few, and not ours
		}
		f.Message = fmt.Sprintf("%s itself drops %s; TCP %d is open, so it only learns late what changes", c.Node, c.told(fmt.Sprintf("gossip's packets (UDP %d)", c.Port)), c.Port)
		f.Confirm, f.Relief = confirm, c.open()
		out = append(out, f)
	}
	for _, f := range in.blame(lost, append(good, fine...)) {
		f.Probed = true
		f.Message = fmt.Sprintf("gossip's packets (UDP %d) get lost between %s; TCP %d is open, so they only learn late what changes", expect.GossipPort, f.between(), expect.GossipPort)
		f.Confirm = confirm
		f.Relief = f.onEach(accept("INPUT", expect.GossipPort), accept("OUTPUT", expect.GossipPort))
		out = append(out, f.Finding)
	}
	return out
}
