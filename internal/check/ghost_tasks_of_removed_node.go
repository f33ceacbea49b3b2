package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// GhostTasks finds tasks whose end nobody will ever report.
var GhostTasks = &Check{
	ID:    "ghost-tasks-of-removed-node",
	Title: "tasks of a node that is gone still count as running",
	Doc: Doc{
		Symptom: "`docker service ps` shows tasks that run on a node that is Down for long, or not in the list at all. Their addresses are not given out again, and in the end none is left.",
		Cause:   "Managers take a task for ended when its node says so. A node that died, or was removed while it was down, never does, and the task keeps its address.",
		ByHand:  "`docker service ps --no-trunc SERVICE`: desired state Shutdown and current state Running for minutes. `docker node ls` shows the node Down, or not at all.",
		Relief:  "Bring the node back, or remove it for good: `docker node rm --force NODE`. For a node that is gone already: `docker service update --force SERVICE`, or create the service anew.",
		Fix:     "Drain a node and let its tasks end before you take it away. Upgrade engines before 19.03: later ones end the tasks of a node with the node.",
	},
	Needs:   []fact.Kind{fact.KindSwarm},
	Because: []string{"underlay-peer-unreachable", "manager-path-2377-blocked", "dockerd-hung", "manager-quorum-lost"},
	Claims:  anyFailure,
	Run:     ghostTasks,
}

// ghostAfter is how long a node that is down may be away before its tasks count:
// most come back within a reboot.
const ghostAfter = 5 * time.Minute

func ghostTasks(in *In) []Finding {
	byNode := map[fact.NodeID][]*fact.Task{}
	for i := range in.Wanted.Tasks {
		t := &in.Wanted.Tasks[i]
		ours := slices.Contains(in.Scope.FromServices, t.ServiceID) || slices.Contains(in.Scope.ToServices, t.ServiceID)
		if !ours || t.Node == "" || t.Terminal() {
			continue
		}
		n := in.Wanted.Node(t.Node)
		gone := n == nil
		// A node that is there may have been told to give the task an hour.
		lingering := n != nil && n.State != "ready" && t.Desired != "running" && t.Desired != "ready" && t.State == "running" && in.Taken.Sub(t.Updated) > ghostAfter
		if gone || lingering {
			byNode[t.Node] = append(byNode[t.Node], t)
		}
	}
	var out []Finding
	for id, tasks := range byNode {
		out = append(out, in.ghosts(id, tasks))
	}
	return out
}

func (in *In) ghosts(id fact.NodeID, tasks []*fact.Task) Finding {
	slices.SortFunc(tasks, func(a, b *fact.Task) int { return strings.Compare(string(a.ID), string(b.ID)) })
	f := Finding{Certainty: Proof, Node: in.NodeName(id), Subject: in.NodeSubject(id), Structural: true, Nodes: []fact.NodeID{id},
		Confirm: fmt.Sprintf("docker node ls; docker service ps --no-trunc %s | grep -i running", quoted(tasks[0].Service)),
		Relief:  fmt.Sprintf("docker node rm --force %s   # or bring it back", id)}
	state := "is not in the swarm any more"
	if n := in.Wanted.Node(id); n != nil {
		state = "is " + n.State
	} else {
		f.Node, f.Relief, f.Impact = "", "docker service update --force "+quoted(tasks[0].Service), "all tasks of "+tasks[0].Service
	}
	f.Message = fmt.Sprintf("%d %s of %s, which %s, still %s as running, with %s", len(tasks), plural(len(tasks), "task", "tasks"), in.NodeName(id), state,
		plural(len(tasks), "counts", "count"), plural(len(tasks), "its address", "their addresses"))
	for _, t := range tasks {
		f.Tasks = append(f.Tasks, t.ID)
		f.Evidence = append(f.Evidence, Evidence{"task " + expect.ShortName(t), "ended, as its node is gone or was told to end it",
			fmt.Sprintf("%s, wanted %s for %s; its node %s", t.State, t.Desired, in.since(t.Updated), state)})
	}
	return f
}
