package check

import (
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// GossipKeyMismatch finds senders on the gossip port whose messages nobody can
// read: nodes with old keys, and strangers.
var GossipKeyMismatch = &Check{
	ID:    "gossip-key-mismatch",
	Title: "gossip gets messages that its keys do not fit",
	Doc: Doc{
		Symptom: "One node is alone: it knows only its own tasks, and the others know none of its; after it was away for long, came from a snapshot, or the Swarm was made anew. Or only the logs complain.",
		Cause: "Gossip is encrypted with a key that the managers renew every 12 hours; nodes keep the last three. A node that missed all of them sends what nobody can read and reads nobody. " +
			"The same line is logged when somebody else sends to port 7946: a foreign Swarm, an engine of the past, a port scanner.",
		ByHand: "`journalctl -u docker --since -15min | grep -E 'decrypt|state is not encrypted'`: the sender's address is in the line (from=). Is it a node's (`docker node inspect NODE --format '{{.Status.Addr}}'`)?",
		Relief: "A node: restart its engine, it then asks the managers for the keys. A stranger: keep it out of port 7946.",
		Fix:    "Let workers reach a manager's port 2377 always. A node that comes back from a snapshot leaves the Swarm and joins anew. Close 7946 to all but the Swarm's nodes.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindLogs},
	Because: []string{"duplicate-node-identity", "advertise-addr-wrong"},
	Run:     keyMismatch,
}

func keyMismatch(in *In) []Finding {
	var pairs []troubled
	var out []Finding
	for _, n := range in.logged() {
		list := in.said(n, "gossip-key-mismatch")
		for _, a := range sendersOf(list) {
			of := slices.DeleteFunc(slices.Clone(list), func(s heard) bool { return s.Addr != a })
			switch id := in.nodeAt(a); {
			case id == n.ID && id != "":
			case id != "" && in.goesOn(of):
				pairs = pairUp(pairs, n.Name, in.NodeName(id), quoteLog(logOf(n), "messages of "+in.NodeName(id)+" that it can read", of))
			case id == "":
				out = append(out, in.stranger(n, a, of))
			}
		}
	}
	for _, f := range in.pairFindings(pairs) {
		f.Certainty = Hint
		for _, id := range f.Nodes {
			if by, of := in.heardBy(id); of > 0 && len(by) == 0 {
				f.Node, f.Subject, f.Certainty = in.NodeName(id), in.NodeSubject(id), Strong
				f.Peer = ""
				f.Evidence = append(f.Evidence, Evidence{"gossip on the other nodes", f.Node + " among the peers", "not there"})
				break
			}
		}
		f.Message = fmt.Sprintf("%s uses other gossip keys than the other nodes: they cannot read each other", f.Node)
		if f.Peer != "" {
			f.Message = fmt.Sprintf("%s and %s use different gossip keys: they cannot read each other", f.Node, f.Peer)
		}
		f.Confirm = fmt.Sprintf("on %s: journalctl -u docker --since -15min | grep -E 'decrypt|not encrypted'", f.Node)
		f.Relief, f.Impact = fmt.Sprintf("on %s: systemctl restart docker", f.Node), ImpactNode(f.Node)
		out = append(out, f)
	}
	return out
}

// sendersOf lists the addresses that statements name, sorted; the zero address
// stands for those that name none.
func sendersOf(list []heard) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		if !slices.Contains(out, s.Addr) {
			out = append(out, s.Addr)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// stranger is about somebody who is no node of this Swarm. It harms nobody unless
// it is one under another address.
func (in *In) stranger(n *fact.Node, a netip.Addr, list []heard) Finding {
	who := "somebody whose address the log does not tell"
	if a.IsValid() {
		who = a.String() + ", which is no node of this Swarm,"
	}
	f := Finding{Certainty: Hint, Node: n.Name, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID}, Recurring: true, Impact: ImpactNone, Only: NoTraffic,
		Message:  fmt.Sprintf("%s sends to port %d of %s what this Swarm's keys do not fit", who, expect.GossipPort, n.Name),
		Evidence: []Evidence{quoteLog(logOf(n), "messages of this Swarm's nodes only", list)},
		Confirm:  fmt.Sprintf("on %s: tcpdump -ni any port %d and not host %s", n.Name, expect.GossipPort, in.anyAddr(n)),
		Fix:      fmt.Sprintf("Find out who it is: a foreign or former Swarm, a port scanner, or a node under an address that the managers do not know. Close %d to all but the Swarm's nodes.", expect.GossipPort)}
	f.Relief = fmt.Sprintf("on %s: close port %d to all but the Swarm's nodes", n.Name, expect.GossipPort)
	if a.IsValid() {
		f.Confirm = fmt.Sprintf("on %s: tcpdump -ni any host %s and port %d", n.Name, a, expect.GossipPort)
		f.Relief = fmt.Sprintf("on %s: iptables -I INPUT -s %s -p tcp --dport %d -j DROP; iptables -I INPUT -s %s -p udp --dport %d -j DROP", n.Name, a, expect.GossipPort, a, expect.GossipPort)
	}
	return f
}

// anyAddr is an address of a node, for a command.
func (in *In) anyAddr(n *fact.Node) string {
	if list := in.addrsOf(n.ID); len(list) > 0 {
		return list[0].String()
	}
	return "ADDRESS"
}
