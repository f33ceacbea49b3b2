package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// ManagerPathBlocked finds nodes that the managers call down although gossip
// hears them: only their way to the managers is cut.
var ManagerPathBlocked = &Check{
	ID:    "manager-path-2377-blocked",
	Title: "the managers call a node down that is up: only port 2377 between them is cut",
	Doc: Doc{
		Symptom: "`docker node ls` says Down, its tasks are started elsewhere or stay pending, and yet its containers run on and answer: names and load balancers may lead to old and new ones.",
		Cause: "A node tells the managers every five seconds that it is there, over TCP 2377. After three that got lost it is Down, and its tasks are placed anew. " +
			"Gossip has another port (7946), so the overlay goes on as if nothing had happened. A firewall closes 2377 towards the managers, often towards one of them only.",
		ByHand: "`docker node inspect NODE --format '{{.Status.Message}}'`: heartbeat failure. On that node: `nc -zvw2 MANAGER 2377` for every manager; its log says \"agent: session failed\". `docker network inspect -v NETWORK` elsewhere still lists it among Peers.",
		Relief: "Let TCP 2377 through from the node to every manager; it is Ready again within seconds.",
		Fix:    "Open TCP 2377 from all nodes to all managers, in host firewalls and security groups.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindUnderlay},
	Because: []string{"conntrack-full", "neigh-table-overflow", "underlay-peer-unreachable", "duplicate-node-identity"},
	Run:     managerPathBlocked,
}

func managerPathBlocked(in *In) []Finding {
	var out []Finding
	for i := range in.Wanted.Nodes {
		n := &in.Wanted.Nodes[i]
		if n.State == "ready" {
			continue
		}
		by, of := in.heardBy(n.ID)
		self := in.Node(n.ID)
		alive := len(by) > 0 || self != nil && self.Engine != nil
		if of == 0 && !alive {
			in.Blind("whether gossip hears %s, which the managers call %s, was not seen", n.Hostname, n.State)
		}
		ports := in.portProbes(n.ID, "gossip")
		if running := outcomes(ports, fact.Refused) == 0 && (len(ports) == 0 || outcomes(ports, fact.Open) > 0); alive && running {
			out = append(out, in.cutOff(n, by)...)
		}
	}
	return out
}

// cutOff is the finding about a node that lives and is called down; none where
// all ports of managers answer.
func (in *In) cutOff(n *fact.SwarmNode, by []string) []Finding {
	f := Finding{Certainty: Strong, Node: n.Hostname, Subject: in.NodeSubject(n.ID),
		Message: fmt.Sprintf("the managers call %s %s, and gossip still hears it: TCP %d between it and the managers is cut", n.Hostname, n.State, expect.ManagerPort),
		Confirm: fmt.Sprintf("on %s: nc -zvw2 MANAGER %d; journalctl -u docker | grep 'session failed'", n.Hostname, expect.ManagerPort),
		Relief:  fmt.Sprintf("on %s and on every manager: for c in INPUT OUTPUT; do iptables -I $c -p tcp --dport %d -j ACCEPT; done", n.Hostname, expect.ManagerPort)}
	f.Evidence = []Evidence{{"managers: node " + n.Hostname, "ready", strings.TrimSuffix(n.State+": "+n.Message, ": ")}}
	if len(by) > 0 {
		f.Evidence = append(f.Evidence, Evidence{"gossip on " + listed(by), n.Hostname + " gone, were it down", n.Hostname + " among the peers"})
	}
	tried, good := in.managerProbes(n)
	for _, p := range tried {
		if p.Outcome != fact.Open {
			f.Probed = true
			f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("%s → %s (%s)", p.Node, p.Target, in.NodeName(p.Peer)), "open", string(p.Outcome)})
		}
	}
	if good && !f.Probed {
		in.Blind("%s is called %s, and TCP %d from it to the managers is open", n.Hostname, n.State, expect.ManagerPort)
		return nil
	}
	return []Finding{f}
}

// managerProbes lists the probes between a node and managers, both ways. good:
// those that the node itself made were all answered.
func (in *In) managerProbes(n *fact.SwarmNode) (tried []fact.PeerProbe, good bool) {
	for _, p := range in.Seen.Peers {
		if p.What == "manager" && p.Outcome != fact.ProbeError && (p.Node == n.Hostname || p.Peer == n.ID) {
			tried = append(tried, p)
			good = good || p.Node == n.Hostname
		}
	}
	slices.SortFunc(tried, comparePeerProbes)
	return tried, good && !slices.ContainsFunc(tried, func(p fact.PeerProbe) bool { return p.Node == n.Hostname && p.Outcome != fact.Open })
}
