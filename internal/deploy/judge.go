package deploy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/swarm"

	"fairway/internal/fact"
)

// failures is how often an agent may end before it counts as failing: once may
// be an engine that is just starting.
const failures = 2

// judge says how a node fares by the tasks that the present service has or had
// there. old are tasks that had ended before this deployment looked.
func judge(n NodeState, tasks []swarm.Task, image string, old map[string]bool) NodeState {
	if n.State != Waiting || len(tasks) == 0 {
		return n
	}
	tasks = slices.SortedFunc(slices.Values(tasks), func(a, b swarm.Task) int { return a.CreatedAt.Compare(b.CreatedAt) })
	ended := slices.DeleteFunc(slices.Clone(tasks), func(t swarm.Task) bool { return old[t.ID] || !byItself(t.Status.State) })
	n.task = tasks[len(tasks)-1]
	if n.task.Status.State == swarm.TaskStateRunning && n.task.DesiredState == swarm.TaskStateRunning {
		n.State = Running
		return n
	}
	if len(ended) == 0 {
		n.Why = preparing(n.task)
		return n
	}
	last := ended[len(ended)-1]
	why := fact.OneLine(last.Status.Err)
	switch {
	case last.Status.State == swarm.TaskStateRejected:
		n.task, n.State, n.Why = last, Rejected, why
		n.explain(image)
	case len(ended) >= failures:
		n.task, n.State, n.Why = last, Failed, why
	default:
		n.task, n.Why = last, "ended once: "+why
	}
	return n
}

// byItself: the task has ended, and not because Swarm stopped it.
func byItself(s swarm.TaskState) bool {
	return s == swarm.TaskStateFailed || s == swarm.TaskStateRejected || s == swarm.TaskStateComplete
}

func terminal(s swarm.TaskState) bool {
	switch s {
	case swarm.TaskStateFailed, swarm.TaskStateRejected, swarm.TaskStateComplete, swarm.TaskStateShutdown, swarm.TaskStateOrphaned:
		return true
	}
	return false
}

// preparing says how far a task is that has not begun to run.
func preparing(t swarm.Task) string {
	if t.Status.Err != "" {
		return fact.OneLine(fmt.Sprintf("%s: %s", t.Status.State, t.Status.Err))
	}
	return string(t.Status.State)
}

// NotLoaded reports whether a task's error says that its engine lacks an image
// that no registry has.
func NotLoaded(why string) bool { return noImage(why) && strings.Contains(why, nowhere+":") }

// noImage knows how engines say that they have no image and cannot pull one: with
// a graph driver (20.10 to 28.5, and 29 if upgraded), and with containerd's store.
func noImage(why string) bool {
	return strings.Contains(why, "No such image") || strings.Contains(why, "failed to resolve reference")
}

// explain turns an engine's refusal into what to do about it.
func (n *NodeState) explain(image string) {
	has := func(s string) bool { return strings.Contains(n.Why, s) }
	switch {
	case noImage(n.Why) && strings.HasPrefix(image, nowhere+":"):
		n.State, n.Why = ImageMissing, "" // what to do is said once for all nodes
	case noImage(n.Why):
		n.State, n.Why = ImageMissing, fmt.Sprintf("%s (%s)", image, n.Why)
		n.Do = fmt.Sprintf("see that %s can pull it: `docker pull %s` there; where its registry wants a login, deploy --with-registry-auth", n.Name, fact.Quoted(image))
	case has("bind source path does not exist") && has("netns"):
		n.Do = "say with --netns-dir where engines keep their namespaces (EXEC-ROOT/netns)"
	case has("not a shared or slave mount"):
		n.Do = "make /run a shared mount there, as systemd does: `mount --make-rshared /run`"
	case has("user namespaces are enabled"):
		n.Do = "engines with userns-remap cannot run agents: reach that node over SSH"
	}
}
