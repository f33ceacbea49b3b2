package check

import (
	"fmt"
	"maps"
	"slices"

	"fairway/internal/fact"
)

// GossipBulkSync finds nodes whose gossip tables are not exchanged in full.
var GossipBulkSync = &Check{
	ID:    "gossip-bulksync-timeout",
	Title: "nodes do not exchange gossip's tables in full",
	Doc: Doc{
		Symptom: "A node that was just started, or joined, knows no names and no rows of other nodes' tasks for half a minute or longer; after a deployment names are not found. Mostly in large Swarms.",
		Cause: "What changes is told by small packets; everything at once goes over TCP 7946 when a node joins a network, and every 30 s to one peer that chance chooses. " +
			"That exchange is not acknowledged in time: engines before 29.6 can lose the acknowledgement of two exchanges at once (moby#52862), the path is slow, the state is over 20 MiB, or the queue is longer than what fits into packets of 1400 bytes.",
		ByHand: "`journalctl -u docker --since -15min | grep -iE 'bulk sync|node state size|NetworkDB stats'` on the nodes: who times out with whom; does qLen fall again from line to line?",
		Relief: "Most often it heals with the next exchange, in 30 s. If one node stays behind, restart its engine in a quiet hour.",
		Fix:    "Upgrade to 29.6 or later; take networks away that nobody uses; on an underlay with jumbo frames set \"network-control-plane-mtu\" in every daemon.json.",
	},
	Needs: []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindLogs},
	Because: []string{"host-starvation", "dockerd-hung", "conntrack-full", "neigh-table-overflow", "underlay-peer-unreachable", "gossip-7946-blocked", "gossip-udp-blocked",
		"gossip-key-mismatch", "gossip-flapping", "underlay-mtu-blackhole"},
	Run: bulkSync,
}

// longQueue is how many messages may wait when a statistics line is written, by
// which nobody is late: some dozens go out each fifth of a second.
const longQueue = 200

func bulkSync(in *In) []Finding {
	var pairs []troubled
	var out []Finding
	for _, n := range in.logged() {
		list := in.said(n, "gossip-bulksync-timeout", "gossip-bulksync-failed")
		for _, peer := range peersIn(list) {
			// One is what the restart of a peer costs.
			if of := about(list, peer); len(of) > 1 && in.goesOn(of) && !in.foundAgain(n, of) {
				who := in.calledPeer(of)
				pairs = pairUp(pairs, n.Name, who, quoteLog(logOf(n), "tables exchanged with "+who, of))
			}
		}
		if f, ok := in.overloaded(n); ok {
			out = append(out, f)
		}
	}
	for _, f := range in.pairFindings(pairs) {
		f.Certainty = Hint
		f.Message = fmt.Sprintf("%s and other nodes do not get through with exchanging gossip's tables: what is new comes late", f.Node)
		if f.Peer != "" {
			f.Message = fmt.Sprintf("%s and %s do not get through with exchanging gossip's tables: what is new comes late", f.Node, f.Peer)
		}
		for _, id := range f.Nodes {
			if e, late := in.uninformed(id, f.Nodes); late {
				f.Certainty, f.Evidence = Strong, append(f.Evidence, e)
			}
		}
		f.Confirm = fmt.Sprintf("on %s: journalctl -u docker --since -15min | grep -iE 'bulk sync|NetworkDB stats'", f.Node)
		out = append(out, f)
	}
	return out
}

// uninformed: the engine of a node lacks the entry of a task that runs on one of
// the others.
func (in *In) uninformed(id fact.NodeID, among []fact.NodeID) (Evidence, bool) {
	for i := range in.Wanted.Tasks {
		t := &in.Wanted.Tasks[i]
		for _, other := range among {
			if t.Node != other || other == id {
				continue
			}
			for _, a := range t.Addresses {
				lacking, _ := in.whoTells(t, a.Network)
				for _, n := range lacking {
					if n.ID == id {
						return Evidence{fmt.Sprintf("%s: services of %s", n.Name, in.NetworkName(a.Network)), "all tasks of " + in.NodeName(other), "not all: an entry is missing"}, true
					}
				}
			}
		}
	}
	return Evidence{}, false
}

// overloaded: a network's queue is long and does not drain, or the state is too
// large to be sent.
func (in *In) overloaded(n *fact.Node) (Finding, bool) {
	f := Finding{Certainty: Hint, Node: n.Name, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID}, Recurring: true,
		Confirm: fmt.Sprintf("on %s: journalctl -u docker --since -15min | grep -E 'NetworkDB stats|node state size'", n.Name)}
	if big := in.said(n, "gossip-state-size"); len(big) > 0 {
		f.Message = fmt.Sprintf("gossip's state is too large for %s to take it over whole", n.Name)
		f.Evidence = []Evidence{quoteLog(logOf(n), "a state below 20 MiB", big)}
		return f, true
	}
	of := map[string][]heard{}
	for _, s := range in.said(n, "gossip-stats") {
		if s.Stats != nil {
			of[s.Network] = append(of[s.Network], s)
		}
	}
	for _, net := range slices.Sorted(maps.Keys(of)) {
		list := of[net]
		last := len(list) - 1
		if last < 1 || list[last].Stats.Queue < longQueue || list[last].Stats.Queue < list[last-1].Stats.Queue || list[last-1].Stats.Queue < longQueue {
			continue
		}
		f.Message = fmt.Sprintf("gossip's queue on %s is long and does not drain: %d messages wait, after %d", n.Name, list[last].Stats.Queue, list[last-1].Stats.Queue)
		f.Evidence = []Evidence{quoteLog(logOf(n), "Queue qLen:0", list)}
		return f, true
	}
	return f, false
}
