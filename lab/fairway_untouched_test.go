package lab_test

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fairway/lab"
)

// TestFairwayChangesNothing compares everything that looking must not change, on
// every node, before and after each way of looking: links, addresses, routes,
// permanent neighbours and rows, rules, tables, sysctls, modules, processes.
func TestFairwayChangesNothing(t *testing.T) {
	l := withFairway(t, lab.Options{Name: "untouched", Nodes: 3, Engines: []string{"26.1"}, Out: os.Stderr})
	// Before any tool of this test could load one.
	modules, err := l.Modules(t.Context(), "n1")
	if err != nil {
		t.Fatal(err)
	}
	alone := looking{"diagnose from one node", question, 4}
	alone.look(t, l)
	after, err := l.Modules(t.Context(), "n1")
	if err != nil {
		t.Fatal(err)
	}
	if c := lab.Changes(modules, after); len(c) > 0 {
		t.Errorf("looking loaded modules: %q", c)
	}
	if err := l.StartSSH(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	ssh := []string{"--ssh", "root@{addr}"}
	for _, w := range []looking{
		alone,
		{"check from one node", []string{"check", "-o", "json"}, 4},
		{"diagnose by ssh", append(slices.Clone(question), ssh...), 0},
		{"check by ssh", append([]string{"check", "-o", "json"}, ssh...), 0},
	} {
		t.Run(w.name, func(t *testing.T) { w.compare(t, l) })
	}
	if err := l.DeployAgents(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, w := range []looking{
		{"diagnose with agents", question, 0},
		{"check with agents", []string{"check", "-o", "json"}, 0},
	} {
		t.Run(w.name, func(t *testing.T) { w.compare(t, l) })
	}
	t.Run("a change is seen", func(t *testing.T) { changeIsSeen(t, l) })
}

// looking is one way to look at a healthy lab, and how it ends.
type looking struct {
	name string
	args []string
	code int
}

func (w looking) look(t *testing.T, l *lab.Lab) {
	t.Helper()
	if a := fairway(t, l, "n1", w.args...); a.code != w.code || len(a.Causes) != 0 || len(a.Probes) == 0 {
		t.Fatalf("%s: exit %d, causes %+v, gaps %+v, %d probes (%s); want exit %d and no cause", w.name, a.code, a.Causes, a.Gaps, len(a.Probes), a.stderr, w.code)
	}
}

// compare looks and compares; a session of ssh may take a moment to end.
func (w looking) compare(t *testing.T, l *lab.Lab) {
	before := everyNode(t, l)
	w.look(t, l)
	var changes []string
	for range 20 {
		if changes = lab.Changes(before, everyNode(t, l)); len(changes) == 0 {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Errorf("looking changed:\n%s", strings.Join(changes, "\n"))
}

// everyNode is the state of all nodes, each line with its node.
func everyNode(t *testing.T, l *lab.Lab) []string {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var all []string
	for _, n := range l.Nodes {
		wg.Go(func() {
			lines, err := l.HostState(t.Context(), n.Name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			for _, line := range lines {
				all = append(all, n.Name+" "+line)
			}
		})
	}
	wg.Wait()
	return all
}

// changeIsSeen proves that the comparison is worth something on a real node.
func changeIsSeen(t *testing.T, l *lab.Lab) {
	tasks, err := l.Running(t.Context(), "web", "n2")
	if err != nil || len(tasks) == 0 {
		t.Fatalf("tasks %v: %v", tasks, err)
	}
	ns, err := l.TaskNS(t.Context(), tasks[0])
	if err != nil {
		t.Fatal(err)
	}
	before := everyNode(t, l)
	for _, c := range [][]string{
		{"sh", "-c", "sleep 300 >/dev/null 2>&1 </dev/null &"},
		{"nsenter", "--net=" + strings.Replace(ns, "/var/run/", "/run/", 1), "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1"},
		{"ip", "rule", "add", "pref", "77", "lookup", "main"},
		{"iptables", "-N", "x-left"},
	} {
		if _, err := l.Exec(t.Context(), "n2", c...); err != nil {
			t.Fatal(err)
		}
	}
	changes := lab.Changes(before, everyNode(t, l))
	for _, want := range []string{"+n2 process: sleep", "sysctl: net/ipv4/conf/all/rp_filter:1", "+n2 host: 77:", "x-left"} {
		if !slices.ContainsFunc(changes, func(c string) bool { return strings.Contains(c, want) }) {
			t.Errorf("no %q among the changes:\n%s", want, strings.Join(changes, "\n"))
		}
	}
	if foreign := slices.DeleteFunc(changes, func(c string) bool { return strings.HasPrefix(c[1:], "n2 ") }); len(foreign) > 0 {
		t.Errorf("changes elsewhere: %q", foreign)
	}
}
