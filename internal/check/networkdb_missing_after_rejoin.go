package check

import (
	"cmp"
	"fmt"
	"slices"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// NetworkDBMissing finds tasks that run well and that gossip does not tell of,
// although it works.
var NetworkDBMissing = &Check{
	ID:    "networkdb-missing-after-rejoin",
	Title: "gossip does not tell of a task that runs well, although it works",
	Doc: Doc{
		Symptom: "After a short partition or a restart of an engine some names are not found, or lead to fewer tasks than run; `docker node ls` and the list of peers are right.",
		Cause: "The entry of the task was lost: while its node was away the others deleted it, and when it came back they took the entries it sent again for old ones. " +
			"Engines 29.0.0 to 29.7.2 do so (moby#53141); on others an entry is lost more rarely.",
		ByHand: "`docker network inspect -v NETWORK` on every node: the task is missing in Services, its node is among Peers.",
		Relief: "Have the entry made anew: `docker service update --force SERVICE`.",
		Fix:    "Keep port 7946 open, TCP and UDP, so that no node is taken for away. Only engines 29.0.0 to 29.7.2 lose entries by a known fault: upgrade those to one with moby#53142.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks},
	Because: []string{"underlay-peer-unreachable", "gossip-7946-blocked", "gossip-udp-blocked", "gossip-split-islands", "gossip-flapping", "gossip-key-mismatch", "dockerd-hung", "duplicate-node-identity"},
	Claims:  anyFailure,
	Run:     missingEntries,
}

func missingEntries(in *In) []Finding {
	var out []Finding
	for i := range in.Wanted.Tasks {
		t := &in.Wanted.Tasks[i]
		for _, a := range t.Addresses {
			lacking, holding := in.whoTells(t, a.Network)
			if len(lacking) == 0 {
				continue
			}
			if young := in.Taken.Sub(t.StateSince) < SteadyFor || in.Taken.Sub(t.Updated) < SteadyFor; young {
				in.Blind("%s has not run for a minute yet; its entry may still come", expect.NameOf(t))
				continue
			}
			out = append(out, in.missingEntry(t, a.Network, lacking, holding))
		}
	}
	return out
}

// whoTells lists the nodes whose engines lack, and those that have, the entry of
// a task that runs and is well, where gossip with the task's node works.
func (in *In) whoTells(t *fact.Task, net fact.NetworkID) (lacking, holding []*fact.Node) {
	if w := in.Wanted.Node(t.Node); !t.Running() || w == nil || w.State != "ready" || in.health(t) != "" && in.health(t) != "healthy" {
		return nil, nil
	}
	for _, node := range in.Sighted {
		e := in.joined(node.ID, net)
		if e == nil || node.Engine == nil || e.Ingress || node.ID != t.Node && !in.lists(e, t.Node) {
			continue
		}
		switch {
		case in.believes(e, t.ID):
			holding = append(holding, node)
		case !in.gossipFails(node.ID, t.Node):
			lacking = append(lacking, node)
		}
	}
	return lacking, holding
}

func (in *In) missingEntry(t *fact.Task, net fact.NetworkID, lacking, holding []*fact.Node) Finding {
	owner := in.NodeName(t.Node)
	f := Finding{Certainty: Strong, Node: owner, Network: net, Subject: TaskSubject(t), Nodes: []fact.NodeID{t.Node},
		Message: fmt.Sprintf("gossip tells %s nothing of %s on %s, which runs on %s and is well", listed(slices.Sorted(slices.Values(hostNames(lacking)))), expect.ShortName(t), in.NetworkName(net), owner),
		Confirm: fmt.Sprintf("on %s: docker network inspect -v %s | grep %s", slices.Sorted(slices.Values(hostNames(lacking)))[0], quoted(in.NetworkName(net)), t.ID),
		Relief:  "docker service update --force " + quoted(cmp.Or(t.Service, "SERVICE")), Impact: "all tasks of " + t.Service,
		Fix: "No fault of these engines is known to do this. If it comes back after the update, drain and restart the engine of " + owner + ", and keep port 7946 open, TCP and UDP."}
	for _, n := range slices.Concat(lacking, holding) {
		e := in.joined(n.ID, net)
		ev := Evidence{fmt.Sprintf("%s: services of %s", n.Name, e.Name), expect.NameOf(t), "not there; its node is among the peers"}
		if slices.Contains(holding, n) {
			ev.Got = expect.NameOf(t)
		}
		f.Evidence = append(f.Evidence, ev)
		f.Nodes = append(f.Nodes, n.ID)
		if v := releaseOf(n.Engine.Version); slices.Contains(lacking, n) && v.within("29.0.0", "29.7.2") {
			f.Evidence = append(f.Evidence, Evidence{n.Name + ": engine", "not 29.0.0 to 29.7.2 (moby#53141)", n.Engine.Version})
			f.Fix = "Upgrade the engine of " + n.Name + " to one with moby#53142: after a short partition it takes entries that are sent again for old ones (moby#53141)."
		}
	}
	slices.SortFunc(f.Evidence, func(a, b Evidence) int { return cmp.Compare(a.Where, b.Where) })
	for _, d := range in.Seen.DNS {
		lacks := slices.ContainsFunc(lacking, func(n *fact.Node) bool { return n.Name == d.From.Node })
		f.Probed = f.Probed || lacks && d.Name == "tasks."+t.Service && d.Outcome == fact.Open && !slices.Contains(d.Addrs, t.Addr(net))
	}
	return f
}
