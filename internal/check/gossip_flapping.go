package check

import (
	"fmt"
	"slices"

	"fairway/internal/fact"
)

// GossipFlapping finds nodes that gossip gives up and finds again, over and over.
var GossipFlapping = &Check{
	ID:    "gossip-flapping",
	Title: "gossip gives up a node and finds it again, over and over",
	Doc: Doc{
		Symptom: "Short outages between nodes at random moments: names and rows of one node's tasks vanish for seconds. When you look, all is well.",
		Cause: "A node that does not answer gossip's probe in half a second is suspected; if it does not refute that in time, the others wipe all that they hold for it: names, forwarding rows, backends. " +
			"A second later it is back and everything is built again. The node has too little CPU or too slow a disk, its virtual machine is paused, or packets between it and the others get lost.",
		ByHand: "`journalctl -u docker --since -15min | grep -E 'NodeFailed|NodeActive|Refuting|healthscore'` on several nodes: which name comes again and again? On that node `cat /proc/pressure/cpu /proc/loadavg`, steal in `vmstat 1`; between the hosts `ping -i 0.2` for a minute.",
		Relief: "Take load off the node: drain it, or move the heaviest service away.",
		Fix:    "Give the node what it lacks; reserve CPU and memory for dockerd (systemd's CPUWeight=, MemoryLow=) and limit services; stop snapshots that pause the virtual machine. Where the path loses packets, look for a provider's limit of packets, and at the NIC's counters.",
	},
	Needs: []fact.Kind{fact.KindSwarm, fact.KindLogs},
	Because: []string{"host-starvation", "duplicate-node-identity", "conntrack-full", "neigh-table-overflow", "underlay-peer-unreachable", "gossip-7946-blocked", "gossip-udp-blocked",
		"gossip-key-mismatch", "dockerd-hung"},
	Run: gossipFlapping,
}

const (
	// flaps is how often a node must have been given up; once is what every restart
	// of a host looks like, twice two of them.
	flaps = 3
	// suspicions of one peer, refuted each time, are a sign of the same.
	suspicions = 8
)

func gossipFlapping(in *In) []Finding {
	var pairs []troubled
	refuted := map[string]int{}
	for _, n := range in.logged() {
		refuted[n.Name] = len(in.said(n, "gossip-refuting"))
		failed, suspected := in.said(n, "gossip-node-failed"), in.said(n, "gossip-suspect")
		for _, peer := range peersIn(append(failed, suspected...)) {
			bad, doubt := about(failed, peer), about(suspected, peer)
			if len(bad) < flaps && (len(doubt) < suspicions || !in.goesOn(doubt)) {
				continue
			}
			who := in.calledPeer(append(bad, doubt...))
			if len(bad) >= flaps {
				pairs = pairUp(pairs, n.Name, who, quoteLog(logOf(n), who+" stays active", bad))
			} else {
				pairs = pairUp(pairs, n.Name, who, quoteLog(logOf(n), who+" answers gossip's probes", doubt))
			}
		}
	}
	pairs = in.refuters(pairs, refuted)
	out := in.pairFindings(pairs)
	for i := range out {
		f := &out[i]
		// One log alone may be that of the node that is slow.
		f.Certainty = Hint
		if complainers(pairs, f) > 1 {
			f.Certainty = Strong
		}
		f.Message = fmt.Sprintf("gossip gives up %s and finds it again, over and over; each time what the others hold for its tasks is wiped for seconds", f.Node)
		if f.Peer != "" {
			f.Message = fmt.Sprintf("%s and %s give each other up in gossip and find each other again, over and over; each time what is held for the other's tasks is wiped for seconds", f.Node, f.Peer)
		}
		f.Confirm = fmt.Sprintf("on %s: journalctl -u docker --since -15min | grep -E 'NodeFailed|NodeActive|Refuting|healthscore'; cat /proc/pressure/cpu /proc/loadavg", f.Node)
		f.Relief, f.Impact = fmt.Sprintf("docker node update --availability drain %s", quoted(f.Node)), ImpactNode(f.Node)
	}
	return out
}

// refuters adds what a node says of itself: that it was suspected, or doubts its
// connections.
func (in *In) refuters(pairs []troubled, refuted map[string]int) []troubled {
	for i := range pairs {
		for _, name := range []string{pairs[i].A, pairs[i].B} {
			n := in.NodeNamed(name)
			if refuted[name] > 0 {
				pairs[i].Evidence = append(pairs[i].Evidence, quoteLog(logOf(n), "nobody suspects it", in.said(n, "gossip-refuting")))
				if !slices.Contains(pairs[i].By, name) {
					pairs[i].By = append(pairs[i].By, name)
				}
			}
			if list := in.said(n, "gossip-health"); len(list) > 0 {
				pairs[i].Evidence = append(pairs[i].Evidence, quoteLog(logOf(n), "healthscore:0", list))
			}
		}
	}
	return pairs
}

// complainers counts the nodes whose own logs speak of what a finding is about.
func complainers(pairs []troubled, f *Finding) int {
	var by []string
	for _, p := range pairs {
		if f.Peer == "" && (p.A == f.Node || p.B == f.Node) || f.Peer != "" && p.A == f.Node && p.B == f.Peer {
			by = append(by, p.By...)
		}
	}
	slices.Sort(by)
	return len(slices.Compact(by))
}
