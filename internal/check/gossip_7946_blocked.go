package check

import (
	"fmt"
	"slices"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// Gossip7946Blocked finds peers that gossip has given up on while the managers
// call them ready, because their gossip port does not answer.
var Gossip7946Blocked = &Check{
	ID:    "gossip-7946-blocked",
	Title: "a node does not gossip with others, and so has forgotten their tasks",
	Doc: Doc{
		Symptom: "`docker node ls` says Ready everywhere, yet on some nodes names of tasks on others are gone (NXDOMAIN, or local tasks only) and their addresses are unreachable.",
		Cause: "Engines tell each other where tasks are on port 7946, TCP and UDP. A firewall drops it: after some six seconds each side takes the other for dead and deletes its names, " +
			"neighbour and forwarding rows. Managers use another port (2377), so they see nothing wrong.",
		ByHand: "`docker network inspect -v NETWORK`: the peer is missing in Peers, its tasks in Services. `nc -z PEER 7946` from the host. The engine's log says \"Marking … as failed, suspect timeout reached\".",
		Relief: "Let the port in and out, both as source and as target, where it is dropped, or on both nodes where nobody can tell, before any other rule; names and rows are back within seconds. The same commands with -D take the rules back.",
		Fix:    "Open 7946, TCP and UDP, among all nodes, workers too, in host firewalls and security groups.",
	},
	Needs:   []fact.Kind{fact.KindSwarm, fact.KindNetworks, fact.KindUnderlay},
	Because: []string{"conntrack-full", "neigh-table-overflow", "gossip-key-mismatch", "underlay-peer-unreachable", "dockerd-hung", "gossip-split-islands", "duplicate-node-identity", "advertise-addr-wrong", "rp-filter-strict"},
	Run:     gossipBlocked,
}

func gossipBlocked(in *In) []Finding {
	var bad, good []pair
	for _, node := range in.Sighted {
		if node.Engine == nil {
			in.Blind("%s: engine was not seen", node.Name)
			continue
		}
		for _, peer := range expect.Peers(in.Snapshot, in.Scope, node) {
			p := pair{Node: node, Peer: peer}
			if in.nobodyListens(node, peer.ID) {
				in.Blind("%s: refuses gossip's port and the managers', so its engine is not running; no firewall is to blame", peer.Name)
				continue
			}
			lost, known := in.forgotten(node, &p)
			switch {
			case known && in.gossipClosed(&p):
				p.Tasks = nil
				bad = append(bad, p)
			case known:
				good = append(good, p)
			case len(lost) > 0 && in.gossipSilent(&p):
				p.Evidence = append(lost, p.Evidence...)
				bad = append(bad, p)
			}
		}
	}
	var out []Finding
	for _, f := range in.blame(bad, good) {
		f.Probed = slices.ContainsFunc(f.Pairs, func(p pair) bool { return len(p.Tasks) > 0 })
		f.Message = fmt.Sprintf("no gossip (TCP %d) between %s, which the managers call ready: their names and rows are gone", expect.GossipPort, f.between())
		if !f.Probed { // the port alone: two looks must see it
			f.Message = fmt.Sprintf("TCP %d is closed between %s, one way at least: they still gossip by other ways, but news of tasks comes late or gets lost", expect.GossipPort, f.between())
		}
		rules := in.gossipRules(&f)
		if f.Confirm, f.Relief = in.gossipCommands(&f); len(rules) > 0 {
			f.Relief = strings.Join(rules, "\n")
		}
		out = append(out, f.Finding)
	}
	return out
}

// forgotten lists the overlays on which a ready peer runs tasks that this
// node's engine knows nothing of, the peer itself included. known: on at least
// one it does.
func (in *In) forgotten(node *fact.Node, p *pair) (lost []Evidence, known bool) {
	n := in.Wanted.Node(p.Peer.ID)
	if n == nil || n.State != "ready" {
		return nil, false
	}
	for i := range node.Engine.Networks {
		net := &node.Engine.Networks[i]
		tasks := in.wantedOn(p.Peer.ID, net.ID)
		if net.Driver != "overlay" || !net.Instantiated || len(tasks) == 0 {
			continue
		}
		if gossipKnows(net, p, tasks) {
			known = true
			continue
		}
		p.Tasks = append(p.Tasks, tasks...)
		lost = append(lost, Evidence{fmt.Sprintf("%s: peers of %s", node.Name, net.Name),
			fmt.Sprintf("%s (%s) with %d %s", p.Peer.Name, p.Peer.Control, len(tasks), plural(len(tasks), "task", "tasks")), "neither the peer nor its tasks"})
	}
	return lost, known
}

// gossipKnows: the peer or one of its tasks is known.
func gossipKnows(net *fact.EngineNetwork, p *pair, tasks []fact.TaskID) bool {
	return slices.ContainsFunc(net.Peers, func(g fact.Peer) bool { return g.IP == p.Peer.Control || g.IP == p.Peer.Addr }) ||
		slices.ContainsFunc(net.Services, func(s fact.BelievedService) bool {
			return slices.ContainsFunc(s.Tasks, func(t fact.BelievedTask) bool {
				n, ok := expect.ParseTaskName(t.Name)
				return ok && slices.Contains(tasks, n.Task)
			})
		})
}
