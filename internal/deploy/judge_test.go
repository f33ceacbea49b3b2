package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

func TestJudge(t *testing.T) {
	service := &swarm.Service{Spec: someOptions().spec(someKeys, true)}
	task := func(after int, id string, state swarm.TaskState, err string) swarm.Task {
		x := someTask("n1", service, state, err)
		x.ID, x.CreatedAt = id, time.Unix(int64(after), 0)
		if terminal(state) {
			x.DesiredState = swarm.TaskStateShutdown
		}
		return x
	}
	const image = "127.0.0.1:1/fairway:v1-0"
	for name, c := range map[string]struct {
		tasks []swarm.Task
		old   string
		image string
		state State
		says  string
	}{
		"no task yet":   {state: Waiting},
		"preparing":     {tasks: []swarm.Task{task(1, "a", swarm.TaskStatePreparing, "")}, state: Waiting, says: "preparing"},
		"pending":       {tasks: []swarm.Task{task(1, "a", swarm.TaskStatePending, "no suitable node")}, state: Waiting, says: "no suitable node"},
		"running":       {tasks: []swarm.Task{task(1, "a", swarm.TaskStateRunning, "")}, state: Running},
		"order":         {tasks: []swarm.Task{task(2, "b", swarm.TaskStateRunning, ""), task(1, "a", swarm.TaskStateFailed, "x")}, state: Running},
		"failed once":   {tasks: []swarm.Task{task(1, "a", swarm.TaskStateFailed, "non-zero exit (1)"), task(2, "b", swarm.TaskStateReady, "")}, state: Waiting, says: "ended once: non-zero exit (1)"},
		"failed twice":  {tasks: []swarm.Task{task(1, "a", swarm.TaskStateFailed, "x"), task(2, "b", swarm.TaskStateFailed, "y")}, state: Failed, says: "fails: y"},
		"failed before": {tasks: []swarm.Task{task(1, "a", swarm.TaskStateFailed, "x"), task(2, "b", swarm.TaskStateFailed, "y"), task(3, "c", swarm.TaskStateReady, "")}, old: "ab", state: Waiting},
		"stopped":       {tasks: []swarm.Task{task(1, "a", swarm.TaskStateShutdown, ""), task(2, "b", swarm.TaskStateShutdown, ""), task(3, "c", swarm.TaskStateReady, "")}, state: Waiting, says: "ready"},
		"no image":      {tasks: []swarm.Task{task(1, "a", swarm.TaskStateRejected, "No such image: "+image)}, image: image, state: ImageMissing, says: "n1  image missing"},
		"no image, containerd": {tasks: []swarm.Task{task(1, "a", swarm.TaskStateRejected, `failed to resolve reference "`+image+`": failed to do request: Head "https://127.0.0.1:1/v2/": connection refused`)},
			image: image, state: ImageMissing, says: "n1  image missing"},
		"no image there": {tasks: []swarm.Task{task(1, "a", swarm.TaskStateRejected, "No such image: reg.example/fairway:1")}, image: "reg.example/fairway:1",
			state: ImageMissing, says: "docker pull reg.example/fairway:1"},
		"no netns folder": {tasks: []swarm.Task{task(1, "a", swarm.TaskStateRejected, `invalid mount config for type "bind": bind source path does not exist: /var/run/docker/netns`)}, state: Rejected, says: "--netns-dir"},
		"private /run":    {tasks: []swarm.Task{task(1, "a", swarm.TaskStateRejected, "path /run/docker/netns is mounted on / but it is not a shared or slave mount")}, state: Rejected, says: "--make-rshared"},
		"hostile":         {tasks: []swarm.Task{task(1, "a", swarm.TaskStateRejected, "x\x1b[31m\n"+strings.Repeat("y", 9999))}, state: Rejected, says: "rejected: x"},
	} {
		old := map[string]bool{}
		for _, id := range c.old {
			old[string(id)] = true
		}
		n := judge(nodeOf(someNode("n1"), "amd64"), c.tasks, c.image, old)
		text := n.line([]NodeState{n})
		if n.State != c.state || !strings.Contains(text, c.says) || strings.ContainsAny(n.Why, "\n\x1b") || len(text) > 700 {
			t.Errorf("%s: got state %d, %q; want %d with %q", name, n.State, text, c.state, c.says)
		}
	}
}

func TestNodesThatRunNoAgent(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*swarm.Node)
		state  State
		says   string
	}{
		"drained":   {func(n *swarm.Node) { n.Spec.Availability = swarm.NodeAvailabilityDrain }, Drained, "n1  drained: global services do not run there"},
		"paused":    {func(n *swarm.Node) { n.Spec.Availability = swarm.NodeAvailabilityPause }, Paused, "n1  paused"},
		"down":      {func(n *swarm.Node) { n.Status = swarm.NodeStatus{State: "down", Message: "heartbeat failure"} }, Down, "down: the managers say down: heartbeat failure"},
		"arm":       {func(n *swarm.Node) { n.Description.Platform.Architecture = "aarch64" }, OtherArch, "it is arm64 and the image is for amd64"},
		"hostile":   {func(n *swarm.Node) { n.Description.Hostname, n.Status.State = "n\x1b1", "\ndown" }, Down, "n 1  down: the managers say down\n"},
		"no name":   {func(n *swarm.Node) { n.Description.Hostname = "" }, Waiting, "idn1"},
		"no fields": {func(n *swarm.Node) { *n = swarm.Node{ID: "x"} }, Down, "x  down"},
	} {
		n := someNode("n1")
		c.change(&n)
		got := nodeOf(n, "amd64")
		if text := got.line([]NodeState{got}); got.State != c.state || !strings.Contains(text, c.says) || strings.Contains(text, "\x1b") {
			t.Errorf("%s: got %d, %q", name, got.State, text)
		}
		if got.Meant() != (got.State == Waiting) {
			t.Errorf("%s: Meant is %v", name, got.Meant())
		}
	}
}

func TestAddressOfAManagerThatAdvertisedNone(t *testing.T) {
	for _, addr := range []string{"", "0.0.0.0", "127.0.0.1", "nonsense"} {
		n := someNode("n1")
		n.Status.Addr, n.ManagerStatus = addr, &swarm.ManagerStatus{Addr: "10.77.0.9:2377"}
		if got := address(n).String(); got != "10.77.0.9" {
			t.Errorf("%q: got %s", addr, got)
		}
	}
}

func TestLastLinePrefersTheAgents(t *testing.T) {
	frame := func(s string) string { return "\x02\x00\x00\x00\x00\x00\x00" + string(rune(len(s))) + s }
	log := frame("time=1 level=INFO msg=x\n") + frame("fairway: listen on :9747: taken\n") + frame("See help\n")
	if got := lastLine(strings.NewReader(log)); got != "fairway: listen on :9747: taken" {
		t.Errorf("got %q", got)
	}
	if got := lastLine(strings.NewReader(frame("a\nb\n") + "\x02\x00\x00\x00\xff\xff\xff\xffc")); got != "c" {
		t.Errorf("got %q", got)
	}
}

func TestWatchSaysEachNodeOnce(t *testing.T) {
	f := newFake()
	f.nodes[1].Spec.Availability = swarm.NodeAvailabilityDrain
	f.tasks = func(node string, s *swarm.Service) []swarm.Task {
		if node == "n3" {
			return []swarm.Task{someTask(node, s, swarm.TaskStateRejected, "No such image: "+s.Spec.TaskTemplate.ContainerSpec.Image)}
		}
		return []swarm.Task{someTask(node, s, swarm.TaskStateRunning, "")}
	}
	s, said := f.start(t)
	nodes, err := s.Deploy(t.Context(), somePlan())
	states := []State{}
	for _, n := range nodes {
		states = append(states, n.State)
	}
	if err != nil || !slices.Equal(states, []State{Running, Drained, ImageMissing}) {
		t.Errorf("got %v, %v", states, err)
	}
	for _, n := range []string{"\nn1  running\n", "\nn2  drained", "\nn3  image missing\n",
		"\nThe image is missing: by hand:\n  fairway image -o - | ssh 10.77.0.11 docker load\n"} {
		if strings.Count(said.String(), n) != 1 {
			t.Errorf("%q is not said once in:\n%s", n, said)
		}
	}
}
