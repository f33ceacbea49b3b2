package check_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// past adds a task to api's slot that ended so long ago, and its successor's
// start at once after it; err is what its node said.
func past(s *fact.Snapshot, slot int, n int, ago time.Duration, state, err string) {
	old := *s.Wanted.Task(facttest.Api(slot))
	end := facttest.Taken.Add(-ago)
	old.ID = fact.TaskID(fmt.Sprintf("old%dx%d%s", slot, n, string(old.ID)[6:]))[:25]
	old.Addresses = []fact.TaskAddress{{Network: facttest.App, Addr: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(100 + 10*slot + n)}), 24)}}
	old.Container = ""
	old.Desired, old.State, old.Err, old.ExitCode = "shutdown", state, err, 3
	old.Created, old.StateSince, old.Updated = end.Add(-4*time.Second), end, end.Add(200*time.Millisecond)
	s.Wanted.Tasks = append(s.Wanted.Tasks, old)
}

// now puts api's task of a slot in a state that began so long ago.
func now(s *fact.Snapshot, slot int, ago time.Duration, desired, state, err string) *fact.Task {
	t := s.Wanted.Task(facttest.Api(slot))
	at := facttest.Taken.Add(-ago)
	t.Desired, t.State, t.Err, t.Created, t.StateSince, t.Updated = desired, state, err, at, at, at
	if state == "pending" {
		t.Node, t.Container = "", ""
	}
	unprobe(s, t.ID)
	return t
}

// unprobe takes away the probes to a task: only running ones are probed.
func unprobe(s *fact.Snapshot, id fact.TaskID) {
	s.Seen.TCP = slices.DeleteFunc(s.Seen.TCP, func(p fact.TCPProbe) bool { return p.To == id })
	s.Seen.MTU = slices.DeleteFunc(s.Seen.MTU, func(p fact.MTUProbe) bool { return p.To == id })
}

// again makes the snapshot's own copy its first look.
func again(s *fact.Snapshot, mutate func(*fact.Snapshot)) {
	mutate(s)
	s.Earlier = facttest.Healthy()
	mutate(s.Earlier)
}

func TestTaskNotRunning(t *testing.T) {
	down := want{id: "task-not-running", subject: "api"}
	strong := down
	strong.certainty = check.Strong
	crash := func(s *fact.Snapshot) {
		past(s, 2, 1, 12*time.Second, "failed", "task: non-zero exit (3)")
		past(s, 2, 2, 7*time.Second, "failed", "task: non-zero exit (3)")
		now(s, 2, 7*time.Second, "ready", "ready", "")
	}
	once := func(s *fact.Snapshot) {
		past(s, 2, 1, 3*time.Second, "rejected", "No such image: nosuch:1")
		now(s, 2, 3*time.Second, "ready", "ready", "")
	}
	mutations(t, []mutation{
		{name: "it crashes again and again", mutate: crash, want: down},
		{name: "between two crashes it runs for a moment", mutate: func(s *fact.Snapshot) {
			crash(s)
			now(s, 2, time.Second, "running", "running", "")
		}, want: down},
		{name: "it failed, and now runs for two minutes", mutate: func(s *fact.Snapshot) {
			crash(s)
			now(s, 2, 2*time.Minute, "running", "running", "")
		}, check: "task-not-running", answer: check.OK},
		{name: "it was rejected, and now has the image and runs", mutate: func(s *fact.Snapshot) {
			past(s, 2, 1, 12*time.Second, "rejected", "No such image: nosuch:1")
			past(s, 2, 2, 7*time.Second, "rejected", "No such image: nosuch:1")
			now(s, 2, time.Second, "running", "running", "")
		}, check: "task-not-running", answer: check.OK},
		{name: "failed once: look again", mutate: once, check: "task-not-running", answer: check.Unknown},
		{name: "failed once, and both looks say so", mutate: func(s *fact.Snapshot) { again(s, once) }, want: strong},
		{name: "the image cannot be pulled, and the engine keeps trying", mutate: func(s *fact.Snapshot) {
			now(s, 2, 2*time.Minute, "running", "preparing", "failed to resolve reference \"x\": connection refused")
		}, want: down},
		{name: "the image is being pulled", mutate: func(s *fact.Snapshot) { now(s, 2, 10*time.Second, "running", "preparing", "") },
			check: "task-not-running", answer: check.OK},
		{name: "the image is being pulled for minutes: a hint", mutate: func(s *fact.Snapshot) { now(s, 2, 4*time.Minute, "running", "preparing", "") },
			want: want{id: "task-not-running", subject: "api", certainty: check.Hint}},
		{name: "its node never took it", mutate: func(s *fact.Snapshot) { now(s, 2, 4*time.Minute, "running", "assigned", "") }, want: down},
		{name: "it ends without error again and again", mutate: func(s *fact.Snapshot) {
			past(s, 2, 1, 12*time.Second, "complete", "")
			past(s, 2, 2, 7*time.Second, "complete", "")
			now(s, 2, 7*time.Second, "ready", "ready", "")
		}, want: down},
		{name: "Swarm gave up", mutate: func(s *fact.Snapshot) { now(s, 2, 4*time.Minute, "shutdown", "failed", "task: non-zero exit (3)") }, want: down},
		{name: "scaled to 0", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").Replicas = 0
			for i := 1; i <= 3; i++ {
				now(s, i, time.Hour, "remove", "shutdown", "")
			}
		}, want: down},
		{name: "no task at all", mutate: func(s *fact.Snapshot) {
			for i := 1; i <= 3; i++ {
				unprobe(s, facttest.Api(i))
			}
			s.Wanted.Tasks = slices.DeleteFunc(s.Wanted.Tasks, func(t fact.Task) bool { return t.Service == "api" })
		}, want: down},
		{name: "a rolling update ends a task that dislikes it", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").UpdateState = "updating"
			past(s, 2, 1, time.Second, "failed", "task: non-zero exit (143)")
			now(s, 2, 5*time.Second, "running", "preparing", "")
		}, check: "task-not-running", answer: check.OK},
		{name: "scaled down", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").Replicas = 2
			now(s, 3, time.Minute, "remove", "failed", "task: non-zero exit (137)")
		}, check: "task-not-running", answer: check.OK},
		{name: "the only task starts", mutate: func(s *fact.Snapshot) {
			s.Wanted.ServiceNamed("api").Replicas = 1
			s.Wanted.Tasks = slices.DeleteFunc(s.Wanted.Tasks, func(t fact.Task) bool { return t.Service == "api" && t.Slot != 2 })
			now(s, 2, 5*time.Second, "running", "preparing", "")
		}, check: "task-not-running", answer: check.Unknown},
		{name: "managers do not answer", mutate: func(s *fact.Snapshot) { facttest.MissAll(s, fact.KindSwarm) },
			check: "task-not-running", answer: check.Unknown},
	})
}
