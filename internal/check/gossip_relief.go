package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// gossipClosed: a connection between two nodes that know each other did not get
// through to the gossip port, although their hosts reach each other.
func (in *In) gossipClosed(p *pair) bool {
	if len(in.asked(p.Node, &p.Peer, "gossip")) == 0 && in.askedBack(p) == nil {
		return false
	}
	n, own := in.Wanted.Node(p.Peer.ID), in.Wanted.Node(p.Node.ID)
	return n != nil && n.State == "ready" && own != nil && own.State == "ready" && in.gossipSilent(p)
}

// gossipFails: a connection between two nodes to either one's gossip port failed.
func (in *In) gossipFails(a, b fact.NodeID) bool {
	if in.deaf == nil {
		in.deaf = map[[2]fact.NodeID]bool{}
		for _, p := range in.Seen.Peers {
			if p.What == "gossip" && failed(p.Outcome) {
				in.deaf[[2]fact.NodeID{nodeNamed(in.Snapshot, p.Node), p.Peer}] = true
			}
		}
	}
	return in.deaf[[2]fact.NodeID{a, b}] || in.deaf[[2]fact.NodeID{b, a}]
}

// gossipCommands are the commands that show the rules that drop gossip, and
// those that let it through before them.
func (in *In) gossipCommands(f *fault) (confirm, relief string) {
	var show, open []string
	for _, node := range in.gossipWalls(f) {
		var rules []string
		for _, proto := range []string{"tcp", "udp"} {
			for _, chain := range []string{"INPUT", "OUTPUT"} {
				for _, port := range []string{"dport", "sport"} {
					rules = append(rules, fmt.Sprintf("on %s: iptables -I %s -p %s --%s %d -j ACCEPT", node, chain, proto, port, expect.GossipPort))
				}
			}
		}
		show = append(show, fmt.Sprintf("on %s: iptables -nvL | grep %d", node, expect.GossipPort), fmt.Sprintf("on %s: nft list ruleset | grep %d", node, expect.GossipPort))
		open = append(open, strings.Join(rules, "\n"))
	}
	p := &f.Pairs[0]
	show = append(show, fmt.Sprintf("on %s: nc -zvw2 %s %d", p.Node.Name, p.Peer.Control, expect.GossipPort))
	return strings.Join(show, "\n"), strings.Join(open, "\n") + "\nThe same with -D instead of -I takes the rules back."
}

// gossipWalls names the nodes whose firewall it is: the one that is closed
// towards all, the one that sent a prohibition or whose host gets gossip's
// datagrams and drops them; both of a pair, or all, where nobody can tell.
func (in *In) gossipWalls(f *fault) []string {
	if f.Node != "" && f.Peer == "" {
		return []string{f.Node}
	}
	var all, proven []string
	for i := range f.Pairs {
		p := &f.Pairs[i]
		all = append(all, p.Node.Name, p.Peer.Name)
		for _, r := range in.readGossip(p) {
			if c := r.culprit(); c != "" {
				proven = append(proven, c)
			}
		}
		for _, q := range in.Seen.Peers {
			if between := q.Node == p.Node.Name && q.Peer == p.Peer.ID || q.Node == p.Peer.Name && q.Peer == p.Node.ID; q.What == "gossip" && between && q.ICMP != nil {
				if id := expect.NodeAt(in.Snapshot, q.ICMP.From); id != "" {
					proven = append(proven, in.NodeName(id))
				}
			}
		}
	}
	if len(proven) > 0 {
		all = proven
	}
	slices.Sort(all)
	return slices.Compact(all)
}
