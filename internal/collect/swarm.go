package collect

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// Wanted asks the managers, through this engine, what they decided. On a
// worker, or on a manager that has no leader, the result is nil and one gap
// says so; when only a part could not be read, the rest is kept.
func (e *Engine) Wanted(ctx context.Context) (*fact.Wanted, []fact.Gap) {
	ctx, cancel := context.WithTimeout(ctx, 2*e.limit)
	defer cancel()
	if !e.manager {
		return nil, []fact.Gap{e.noManager(ctx)}
	}
	var w fact.Wanted
	failed := make([]error, 4)
	gaps := make([][]fact.Gap, 5)
	ask := func(i int, path, doing string, read func(*answer) error) func() {
		return func() {
			gaps[i] = e.look(fact.KindSwarm, doing, func(bad *garbled) error {
				failed[i] = e.get(ctx, path, func(r io.Reader) error { return read(newAnswer(r, bad)) })
				return failed[i]
			})
		}
	}
	together(
		ask(0, "/nodes", "list the swarm's nodes", func(a *answer) error { return readNodes(a, &w.Nodes) }),
		ask(1, "/services", "list the swarm's services", func(a *answer) error { return readServiceList(a, &w.Services) }),
		ask(2, "/tasks", "list the swarm's tasks", func(a *answer) error { return readTasks(a, &w.Tasks) }),
		ask(3, "/networks?filters="+scopeSwarm, "list the swarm's networks", func(a *answer) error {
			return readNetworks(a, func(n fact.Network) { w.Networks = append(w.Networks, n) })
		}),
		func() {
			gaps[4] = e.look(fact.KindSwarm, "read the swarm's data path port", func(bad *garbled) error {
				in, err := e.info(ctx, bad)
				w.ClusterID, w.DataPathPort = in.Swarm.Cluster.ID, portOr4789(in.Swarm.Cluster.DataPathPort)
				return err
			})
		},
	)
	if g, ok := e.noLeader(failed[:3]); ok {
		return nil, []fact.Gap{g}
	}
	if len(w.Nodes)+len(w.Services)+len(w.Tasks) == 0 && !slices.Contains(failed[:3], nil) {
		return nil, slices.Concat(gaps...)
	}
	w.DataPathPort = portOr4789(w.DataPathPort)
	join(&w)
	return &w, slices.Concat(gaps...)
}

// scopeSwarm is {"scope":["swarm"]} as a query value.
const scopeSwarm = "%7B%22scope%22%3A%5B%22swarm%22%5D%7D"

// noManager is the gap of an engine that cannot answer for the Swarm.
func (e *Engine) noManager(ctx context.Context) fact.Gap {
	g := fact.Gap{Kind: fact.KindSwarm, Class: fact.ClassUnseen,
		Reason: fmt.Sprintf("ask the managers: the engine at %s is a worker", e.host),
		Do:     "run fairway on a manager, or point --host or --context at one"}
	in, err := e.info(ctx, &garbled{})
	if err != nil {
		return g
	}
	var managers []string
	for _, m := range in.Swarm.RemoteManagers {
		managers = append(managers, fact.OneLine(m.Addr))
	}
	slices.Sort(managers)
	switch state := in.Swarm.LocalNodeState; {
	case state == "locked":
		g.Reason = fmt.Sprintf("ask the managers: the swarm of %s is locked", fact.OneLine(in.Name))
		g.Do = "run `docker swarm unlock` there"
	case state != "active":
		g.Reason = fmt.Sprintf("ask the managers: %s has not joined the swarm: state %s %s", fact.OneLine(in.Name), fact.OneLine(state), fact.OneLine(in.Swarm.Error))
		g.Do = "see `docker info` and `journalctl -u docker` there, or run fairway on a manager"
	case len(managers) > 0:
		g.Reason = fmt.Sprintf("ask the managers: %s is a worker", fact.OneLine(in.Name))
		g.Do = "run fairway on a manager (" + strings.Join(managers[:min(3, len(managers))], ", ") + "), or point --host or --context at one"
	}
	return g
}

// noLeader turns the refusals of a manager into one gap: without a leader it
// refuses nodes, services and tasks (20.10 to 29; networks still come, as far
// as it knows them itself).
func (e *Engine) noLeader(failed []error) (fact.Gap, bool) {
	for _, err := range failed {
		if err == nil {
			return fact.Gap{}, false
		}
	}
	text := failed[0].Error()
	switch {
	case strings.Contains(text, "does not have a leader"), strings.Contains(text, "no elected primary"),
		strings.Contains(text, "Raft"), strings.Contains(text, "quorum"):
		return fact.Gap{Kind: fact.KindSwarm, Class: fact.ClassUnseen,
			Reason: "ask the managers: the swarm has no leader",
			Do:     "bring back managers until more than half of them answer; nothing in the swarm can change before"}, true
	case strings.Contains(text, "not a swarm manager"):
		return fact.Gap{Kind: fact.KindSwarm, Class: fact.ClassUnseen,
			Reason: fmt.Sprintf("ask the managers: the engine at %s is no longer a manager", e.host),
			Do:     "run fairway on a manager, or point --host or --context at one"}, true
	}
	return fact.Gap{}, false
}

// join sorts the lists and fills in what one of them knows of another.
func join(w *fact.Wanted) {
	slices.SortFunc(w.Nodes, func(a, b fact.SwarmNode) int { return strings.Compare(string(a.ID), string(b.ID)) })
	slices.SortFunc(w.Services, func(a, b fact.Service) int { return strings.Compare(string(a.ID), string(b.ID)) })
	slices.SortFunc(w.Tasks, func(a, b fact.Task) int { return strings.Compare(string(a.ID), string(b.ID)) })
	slices.SortFunc(w.Networks, func(a, b fact.Network) int { return strings.Compare(string(a.ID), string(b.ID)) })
	names := make(map[fact.ServiceID]string, len(w.Services))
	for i := range w.Services {
		names[w.Services[i].ID] = w.Services[i].Name
	}
	for i := range w.Tasks {
		w.Tasks[i].Service = names[w.Tasks[i].ServiceID]
	}
	ids := make(map[string]fact.NetworkID, len(w.Networks))
	for _, n := range w.Networks {
		ids[n.Name] = n.ID
	}
	for i := range w.Services {
		for k, at := range w.Services[i].Attached {
			// The engine stores IDs, but keeps a name that a client managed to store.
			if id, ok := ids[string(at.Network)]; ok && w.Network(at.Network) == nil {
				w.Services[i].Attached[k].Network = id
			}
		}
	}
}
