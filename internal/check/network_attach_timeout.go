package check

import (
	"fmt"
	"strings"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// NetworkAttachTimeout finds standalone containers that wait in vain for a place
// on an overlay.
var NetworkAttachTimeout = &Check{
	ID:    "network-attach-timeout",
	Title: "containers do not get onto an attachable overlay",
	Doc: Doc{
		Symptom: "`docker run --network NETWORK` and `docker compose up` wait for 20 s and end with \"attaching to network failed, make sure your network options are correct and check manager logs: context deadline exceeded\".",
		Cause: "For a standalone container the managers make a small task that gives it its address, and the node then sets the network up. There is no leader, or it cannot reach the node, or the network has no address left; " +
			"or the node cannot set the network up and tries again and again. The error is the same for all of them; what really happened stands in the engines' logs.",
		ByHand: "In this order: `docker node ls` (a leader? the node Ready?), `docker network inspect NETWORK` (addresses left?), `journalctl -u docker --since -5min` on that node (\"network sandbox join failed\") and on the leader (\"could not find an available IP\").",
		Relief: "Do what the cause below it says; where there is none, start the container again.",
		Fix:    "By what the engine's log says: free the VXLAN number, widen the subnet, bring the managers back.",
	},
	Needs: []fact.Kind{fact.KindSwarm, fact.KindLogs},
	Because: []string{"manager-quorum-lost", "manager-path-2377-blocked", "dockerd-hung", "ipam-exhausted", "vxlan-file-exists", "stale-overlay-netns", "gwbridge-missing-or-conflict",
		"address-pool-overlap", "host-starvation"},
	Claims: noConnect,
	Run:    attachTimeout,
}

// attachWithin is what an engine gives the managers and itself for an attachment
// (daemon/cluster, all versions).
const attachWithin = 20 * time.Second

func attachTimeout(in *In) []Finding {
	var out []Finding
	for _, n := range in.logged() {
		byNet := map[fact.NetworkID][]heard{}
		var nets []fact.NetworkID
		for _, s := range in.said(n, "network-attach-timeout") {
			id := in.networkNamed(s.Network)
			if _, known := byNet[id]; !known {
				nets = append(nets, id)
			}
			byNet[id] = append(byNet[id], s)
		}
		for _, id := range nets {
			out = append(out, in.notAttached(n, id, byNet[id]))
		}
	}
	return out
}

// networkNamed is the network of that ID, beginning of an ID, or name; empty where
// nobody knows it.
func (in *In) networkNamed(name string) fact.NetworkID {
	for _, n := range in.Wanted.Networks {
		if name != "" && (n.Name == name || strings.HasPrefix(string(n.ID), name)) {
			return n.ID
		}
	}
	return ""
}

// notAttached is a hint by the log alone: it says that something failed, not what.
// What failed is another finding, or else stands beside it in the log.
func (in *In) notAttached(n *fact.Node, id fact.NetworkID, list []heard) Finding {
	name := "an overlay"
	f := Finding{Certainty: Hint, Node: n.Name, Network: id, Subject: in.NodeSubject(n.ID), Nodes: []fact.NodeID{n.ID}, Recurring: true, Impact: ImpactNone,
		Evidence: []Evidence{quoteLog(logOf(n), "containers attached", list)},
		Confirm:  fmt.Sprintf("docker node ls; on %s: journalctl -u docker --since -15min | grep -iE 'attach|sandbox join'", n.Name)}
	if id != "" {
		name, f.Subject = in.NetworkName(id), in.NetworkSubject(id)
	}
	f.Message = fmt.Sprintf("containers on %s do not get onto %s: the engine gave up after %s", n.Name, name, attachWithin)
	for _, other := range []struct{ id, want string }{{"overlay-join-failed", "the network set up"}, {"vxlan-exists", "the network set up"}, {"allocation-failed", "an address allocated"}, {"ipam-exhausted", "an address left"}} {
		for _, m := range in.byName() {
			if said := in.said(m, other.id); len(said) > 0 && (m == n || in.isManager(m.ID)) {
				f.Evidence = append(f.Evidence, quoteLog(logOf(m), other.want, said))
			}
		}
	}
	for i := range in.Wanted.Tasks {
		t := &in.Wanted.Tasks[i]
		waits := t.ServiceID == "" && t.Node == n.ID && t.Desired == "running" && t.State != "running" && (id == "" || len(t.Addresses) == 0 || t.Addr(id).IsValid())
		if waits && in.Taken.Sub(t.Created) > time.Second {
			f.Certainty = Strong
			f.Evidence = append(f.Evidence, Evidence{"attachment " + expect.ShortName(t) + " for " + n.Name, "running", fmt.Sprintf("%s for %s", t.State, in.since(t.Created))})
		}
	}
	f.Relief = "Start the container again when the cause is gone; the error itself needs no relief."
	return f
}

func (in *In) isManager(id fact.NodeID) bool {
	w := in.Wanted.Node(id)
	return w != nil && w.Role == "manager"
}
