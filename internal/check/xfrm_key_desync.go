package check

import (
	"fmt"

	"fairway/internal/fact"
)

// XfrmKeyDesync finds nodes that missed a renewal of the keys of encrypted
// overlays.
var XfrmKeyDesync = &Check{
	ID:    "xfrm-key-desync",
	Title: "a node missed a renewal of the keys of encrypted overlays",
	Doc: Doc{
		Symptom: "Encrypted overlays fail between one node and the others, some 12 hours after that node was away, or after a manager was replaced; plain overlays work.",
		Cause: "The managers renew the keys every 12 hours, and every node keeps three: the one to send with, the one before and the one to come. A node that missed renewals sends with a key that the others have dropped; they throw its packets away. " +
			"Its engine logs that the new keys do not fit those it has.",
		ByHand: "`journalctl -u docker --since -24h | grep -E 'key indices|datapath keys'` on every node. Counters: XfrmInNoStates and XfrmInStateProtoError in /proc/net/xfrm_stat rise on those that receive. Do not print keys: `ip -s xfrm state` shows them.",
		Relief: "Restart the engine of the node that says so: it asks the managers for all keys anew.",
		Fix:    "Let every node reach a manager's port 2377 always; run three managers or more; upgrade the engines to one release.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindLogs},
	Because: []string{"manager-path-2377-blocked", "manager-quorum-lost", "dockerd-hung", "duplicate-node-identity"},
	Run:     keyDesync,
}

func keyDesync(in *In) []Finding {
	var out []Finding
	nodes := in.logged()
	for _, id := range in.Scope.Overlays() {
		if in.encrypted(id) == "" {
			continue
		}
		for _, n := range nodes {
			lines := in.said(n, "xfrm-key-desync")
			if len(lines) == 0 {
				continue
			}
			f := Finding{Certainty: Hint, Node: n.Name, Network: id, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID}, Recurring: true, Impact: ImpactNode(n.Name),
				Message:  fmt.Sprintf("%s missed a renewal of keys: what it sends on %s cannot be decrypted, or what it gets", n.Name, in.NetworkName(id)),
				Evidence: []Evidence{quoteLog(logOf(n), "keys renewed without a word", lines)},
				Confirm:  fmt.Sprintf("on %s: journalctl -u docker --since -24h | grep -E 'key indices|datapath keys'; on every node: grep -E 'InNoStates|ProtoError' /proc/net/xfrm_stat", n.Name),
				Relief:   fmt.Sprintf("on %s: systemctl restart docker", n.Name)}
			for _, m := range in.byName() {
				f.Evidence = append(f.Evidence, thrownAway(m)...)
			}
			if len(f.Evidence) > 1 {
				f.Certainty = Strong
			}
			out = append(out, f)
		}
	}
	return out
}

// thrownAway are the counters of encrypted packets that did not fit and that rose
// while we looked.
func thrownAway(n *fact.Node) []Evidence {
	var out []Evidence
	host := n.Kernel.Host()
	if host == nil {
		return nil
	}
	for _, name := range []string{"XfrmInNoStates", "XfrmInStateProtoError"} {
		if c := host.Counter("", name); c != nil && c.Delta() > 0 {
			out = append(out, Evidence{n.Name + ": " + name, "no encrypted packet thrown away", fmt.Sprintf("rose by %d while we looked", c.Delta())})
		}
	}
	return out
}
