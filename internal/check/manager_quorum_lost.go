package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// ManagerQuorumLost finds Swarms that have no leader any more.
var ManagerQuorumLost = &Check{
	ID:    "manager-quorum-lost",
	Title: "the swarm has no leader: too few managers reach each other",
	Doc: Doc{
		Symptom: "`docker service ls` and `docker node ls` say \"The swarm does not have a leader\" or time out. What runs goes on; nothing is started, moved or attached, and nodes learn of no change.",
		Cause: "The managers vote, and more than half of all that ever joined must reach each other over TCP 2377: two of three, three of five. " +
			"Too many are off or cut off. With two managers one is too many.",
		ByHand: "`docker info` on each manager: Error under Swarm, and the list of Manager Addresses. `nc -zvw2 MANAGER 2377` for each.",
		Relief: "Bring managers back, or open TCP 2377 between them, until more than half answer; a leader is elected within seconds.",
		Fix:    "Run three or five managers in separate failure domains. Only when they are lost for good: `docker swarm init --force-new-cluster` on one that is left, then join new managers.",
	},
	Needs: []fact.Kind{fact.KindInfo, fact.KindUnderlay},
	Run:   quorumLost,
}

func quorumLost(in *In) []Finding {
	var out []Finding
	for _, node := range in.Sighted {
		if node.Engine == nil {
			in.Blind("%s: engine was not seen", node.Name)
			continue
		}
		if e := &node.Engine.Swarm; e.Manager && e.NoLeader {
			out = append(out, in.leaderless(node))
		}
	}
	return out[:min(len(out), 1)] // the others say the same
}

// leaderless is the finding from the place of one manager.
func (in *In) leaderless(node *fact.Node) Finding {
	e := &node.Engine.Swarm
	f := Finding{Certainty: Strong, Subject: in.NodeSubject(node.ID), Confirm: "on " + node.Name + ": docker info | grep -A12 Swarm:"}
	f.Evidence = []Evidence{{node.Name + ": engine", "a leader among the managers", e.Error}}
	var lost, cut []string
	of := 1
	for _, m := range slices.SortedFunc(slices.Values(e.Managers), netip.AddrPort.Compare) {
		if m.Addr() == e.NodeAddr {
			continue
		}
		of++
		peer := expect.Peer{Addr: m.Addr()}
		got := in.outcome(node, &peer, "manager")
		name := in.nameAt(m.Addr())
		f.Evidence = append(f.Evidence, Evidence{fmt.Sprintf("%s → %s", node.Name, m), "open", cmp.Or(string(got), "not tried")})
		if got == fact.Open || got == "" {
			continue
		}
		if lost = append(lost, name); in.outcome(node, &peer, "gossip") == fact.Open {
			cut = append(cut, name)
		}
	}
	f.Probed = len(lost) > 0
	f.Message = fmt.Sprintf("the swarm has no leader: %s does not reach %s, %d of %d managers; %d are needed", node.Name, listed(lost), len(lost), of, of/2+1)
	f.Relief = fmt.Sprintf("on %s: systemctl start docker", listed(lost))
	switch {
	case len(lost) == 0:
		f.Message = fmt.Sprintf("the swarm has no leader, although the port of every manager is open to %s: some of the engines hang, or do not reach each other", node.Name)
		f.Relief = "on each manager in turn: systemctl restart docker"
	case len(cut) == len(lost):
		f.Relief = fmt.Sprintf("on %s and on %s: for c in INPUT OUTPUT; do iptables -I $c -p tcp --dport %d -j ACCEPT; done   # gossip reaches them, so they are up", node.Name, listed(lost), expect.ManagerPort)
	}
	if len(lost) == 1 {
		f.Node = lost[0]
	}
	return f
}

// outcome is how a probe of a peer's port ended, empty when none was made.
func (in *In) outcome(node *fact.Node, peer *expect.Peer, what string) fact.Outcome {
	if list := in.asked(node, peer, what); len(list) > 0 {
		return list[0].Outcome
	}
	return ""
}

// nameAt is the host name of the node with an address, the address itself when
// nobody knows it.
func (in *In) nameAt(a netip.Addr) string {
	for _, n := range in.Nodes {
		if n.Engine != nil && n.Engine.Swarm.NodeAddr == a {
			return n.Name
		}
	}
	return a.String()
}
