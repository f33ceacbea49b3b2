package deploy

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"fairway/internal/fact"
)

const (
	// pace is how often the managers are asked how far the agents are.
	pace = 250 * time.Millisecond
	// greetings is how long a running agent may stay silent.
	greetings = 5 * time.Second
	// stays is how long a task must run where nobody says hello to it.
	stays = 1500 * time.Millisecond
)

// watcher waits for the agents of one deployment.
type watcher struct {
	*Swarm
	held *held
	plan Plan
	// old are the tasks that had ended before.
	old map[string]bool
	// since is when a task was first seen running.
	since map[string]time.Time
	// settled are the nodes whose state has been said; it is not looked at again.
	settled map[string]NodeState
}

// watch waits until every node's state is settled, the time is over or the
// operator stops it, and says each node's when it is known.
func (s *Swarm) watch(ctx context.Context, h *held, p Plan) ([]NodeState, error) {
	w := &watcher{Swarm: s, held: h, plan: p, since: map[string]time.Time{}, settled: map[string]NodeState{}}
	limit, cancel := context.WithTimeout(ctx, s.wait())
	defer cancel()
	var last []NodeState
	for {
		nodes, err := w.once(limit)
		switch {
		case ctx.Err() != nil:
			return last, trouble("wait for the agents", ctx.Err())
		case limit.Err() != nil:
			w.tell(last, true)
			w.sayMissing(last)
			return last, nil
		case err != nil:
			return last, err
		}
		last = nodes
		if w.tell(nodes, false) {
			w.sayMissing(nodes)
			return nodes, nil
		}
		select {
		case <-time.After(pace):
		case <-limit.Done():
		}
	}
}

// once asks for every node's state now.
func (w *watcher) once(ctx context.Context) ([]NodeState, error) {
	nodes, err := w.nodes(ctx, w.plan.Arch)
	if err != nil {
		return nil, err
	}
	tasks, err := w.tasks(ctx, w.held.service.ID)
	if err != nil {
		return nil, err
	}
	if w.old == nil {
		w.old = map[string]bool{}
		for _, t := range tasks {
			w.old[t.ID] = terminal(t.Status.State) && !w.held.created
		}
	}
	byNode := map[string][]swarm.Task{}
	for _, t := range tasks {
		// Tasks of an earlier image or of earlier keys tell nothing of this one.
		if sameJSON(t.Spec.ContainerSpec, w.held.service.Spec.TaskTemplate.ContainerSpec) {
			byNode[t.NodeID] = append(byNode[t.NodeID], t)
		}
	}
	var all sync.WaitGroup
	for i := range nodes {
		if known, ok := w.settled[nodes[i].ID]; ok {
			nodes[i] = known
			continue
		}
		nodes[i] = judge(nodes[i], byNode[nodes[i].ID], w.plan.Options.Image, w.old)
		if nodes[i].State == Running {
			since := w.firstSeen(nodes[i].task.ID)
			all.Go(func() { w.prove(ctx, &nodes[i], since) })
		}
	}
	all.Wait()
	return nodes, nil
}

// tasks lists all tasks of a service by its ID.
func (s *Swarm) tasks(ctx context.Context, service string) ([]swarm.Task, error) {
	bounded, cancel := s.limited(ctx)
	defer cancel()
	res, err := s.API.TaskList(bounded, client.TaskListOptions{Filters: make(client.Filters).Add("service", service)})
	if err != nil {
		return nil, trouble("list the agents' tasks", err)
	}
	return res.Items, nil
}

func (w *watcher) firstSeen(task string) time.Time {
	if _, ok := w.since[task]; !ok {
		w.since[task] = w.Now()
	}
	return w.since[task]
}

// prove turns a task that runs into an agent that answers: one that finds its
// port taken runs for a moment, too.
func (w *watcher) prove(ctx context.Context, n *NodeState, since time.Time) {
	ran := w.Now().Sub(since)
	if w.Greet == nil {
		if ran < stays {
			n.State, n.Why = Waiting, "just started"
		}
		return
	}
	err := w.Greet(ctx, *n, w.held.keys)
	switch {
	case err == nil:
	case ran < greetings:
		n.State, n.Why = Waiting, "does not answer yet"
	default:
		n.State, n.Why = Unanswered, fact.OneLine(err.Error())
		n.Do = fmt.Sprintf("see that TCP port %d of %s is open from here, or reach it over SSH", w.plan.port(), n.Name)
	}
}

// tell prints the states that have settled and not been said; it reports whether
// all have. At the end it prints the rest.
func (w *watcher) tell(nodes []NodeState, end bool) bool {
	all := true
	for i := range nodes {
		n := &nodes[i]
		if _, known := w.settled[n.ID]; known {
			continue
		}
		if n.State == Waiting && !end {
			all = false
			continue
		}
		w.askWhy(n)
		w.settled[n.ID] = *n
		w.Say(n.line(nodes))
	}
	return all
}

// sayMissing says once how an image that no registry has gets to the nodes that
// lack it.
func (s *Swarm) sayMissing(nodes []NodeState) {
	var lack []NodeState
	for _, n := range nodes {
		if n.State == ImageMissing && n.Do == "" {
			lack = append(lack, n)
		}
	}
	if len(lack) == 0 {
		return
	}
	by := ""
	if s.Loads != "" {
		by = s.Loads + ";\nor "
	}
	to := lack[0].Name
	if lack[0].Addr.IsValid() {
		to = lack[0].Addr.String()
	}
	each := ""
	if len(lack) > 1 {
		each = ", and so on for each"
	}
	s.sayf("The image is missing: %sby hand%s:\n  fairway image -o - | ssh %s docker load", by, each, to)
}

// line is one node of the answer; names are padded to the longest.
func (n *NodeState) line(all []NodeState) string {
	width := 0
	for _, x := range all {
		width = max(width, len(x.Name))
	}
	out := fmt.Sprintf("%-*s  %s", width, n.Name, n)
	if n.Do != "" {
		out += "\n" + strings.Repeat(" ", width+2) + n.Do
	}
	return out
}

// askWhy adds the last words of an agent that ended to what Swarm says of it,
// which is its exit code only.
func (w *watcher) askWhy(n *NodeState) {
	if n.State != Failed && (n.State != Waiting || n.task.Status.State != swarm.TaskStateFailed) {
		return
	}
	if last := w.lastWords(n.task.ID); last != "" {
		n.Why = last
	}
	if strings.Contains(n.Why, "address already in use") {
		n.Do = "give all agents another port with --port, or free that one there"
	}
}

// lastWords are the last ones of a task's program; empty: the exit code will have
// to do.
func (s *Swarm) lastWords(task string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	logs, err := s.API.TaskLogs(ctx, task, client.TaskLogsOptions{ShowStderr: true, Tail: "5"})
	if err != nil {
		return ""
	}
	defer logs.Close()
	return strings.TrimPrefix(lastLine(logs), "fairway: ")
}

// lastLine is the last line of a log, of those that an agent says itself if there
// are any. The log comes in the engine's frames: one byte for the stream, three of
// nothing, four for the length (API 1.24, attach).
func lastLine(r io.Reader) string {
	const most, ours = 64 << 10, "fairway: "
	r = io.LimitReader(r, most)
	last := ""
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return last
		}
		text, err := io.ReadAll(io.LimitReader(r, int64(binary.BigEndian.Uint32(head[4:]))))
		for line := range strings.Lines(string(text)) {
			if line = fact.OneLine(line); strings.HasPrefix(line, ours) || line != "" && !strings.HasPrefix(last, ours) {
				last = line
			}
		}
		if err != nil {
			return last
		}
	}
}
