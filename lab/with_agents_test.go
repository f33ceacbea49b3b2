package lab_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fairway/lab"
)

// TestWithAgents has fairway on n1 only and a real sshd in every node. One command
// brings the image by ssh, deploys, finds what is wrong on another node, and takes
// away all but the image; also when it is interrupted, at any time and more than
// once.
func TestWithAgents(t *testing.T) {
	l := withFairway(t, lab.Options{Name: "withagents", Nodes: 3, Engines: []string{"26.1", "20.10", "29"}, Out: os.Stderr})
	if err := l.StartSSH(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	before := inventory(t, l)
	run(t, l, "n1", "diagnose", "--with-agents", "web", "api:8080").expect(t, 4, "n2 image missing",
		"--ssh 'user@{addr}' beside --with-agents brings it there", "n2, n3: not looked at: its engine lacks the agents' image", "so does --with-agents with --ssh 'user@{addr}'")
	asBefore(t, l, before)

	d, err := l.Break(t.Context(), "fdb-missing", lab.DrawOptions{Seed: 1, Node: "n2"})
	if err != nil {
		t.Fatal(err)
	}
	run(t, l, "n1", "diagnose", "--with-agents", "--ssh", "root@{addr}", "web", "api:8080").expect(t, 3, "loaded the image on n2", "loaded the image on n3",
		"n2 running", "n3 running", "fdb-missing · strong · node "+d.Node, "deployed for this run and taken away again")
	nothingLeft(t, l, before)
	if _, err := l.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range interruptions {
		t.Run(c.name, func(t *testing.T) {
			out := interrupted(t, l, c)
			nothingLeft(t, l, before)
			if !strings.Contains(out, "interrupted") || strings.Contains(out, "context canceled") {
				t.Errorf("it said:\n%s", out)
			}
		})
	}
}

// interruption is when signals are sent: after a word was said so many times, and
// a while.
type interruption struct {
	name, word string
	times      int
	later      time.Duration
	signals    []string
}

var interruptions = []interruption{
	{"while it loads", "", 0, 300 * time.Millisecond, []string{"INT"}},
	{"while it creates", "the image ", 2, 0, []string{"INT"}},
	{"while it creates, a moment later", "the image ", 2, 30 * time.Millisecond, []string{"TERM"}},
	{"while it waits", "created the service", 1, 0, []string{"INT"}},
	{"while it waits, later", "created the service", 1, 400 * time.Millisecond, []string{"HUP"}},
	{"while it waits, twice", "created the service", 1, 0, []string{"INT", "INT"}},
	{"while it looks", "  running", 3, 200 * time.Millisecond, []string{"INT"}},
	{"while it looks, by kill", "  running", 3, 0, []string{"TERM"}},
	{"while it looks, twice", "  running", 3, 200 * time.Millisecond, []string{"INT", "INT"}},
	{"while it removes", "removed the service", 1, 0, []string{"INT"}},
	{"while it removes, twice", "removed the service", 1, 0, []string{"TERM", "TERM"}},
}

// interrupted runs a diagnosis with agents and sends it signals.
func interrupted(t *testing.T, l *lab.Lab, c interruption) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd, err := l.Command(ctx, "n1", "", "sh", "-c", "echo $$ >/lab/pid; exec /lab/fairway diagnose --with-agents --ssh root@{addr} web api:8080")
	if err != nil {
		t.Fatal(err)
	}
	said := &words{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for said.count(c.word) < c.times {
		select {
		case <-ended:
			t.Fatalf("it ended before it said %q:\n%s", c.word, said)
		case <-time.After(5 * time.Millisecond):
		}
	}
	time.Sleep(c.later)
	kill(t, l, c.signals)
	<-ended
	if ctx.Err() != nil {
		t.Fatalf("it hangs:\n%s", said)
	}
	// A report of what was learnt, or 1; a signal's death is another.
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 1 && code != 4 {
		t.Errorf("exit %d:\n%s", code, said)
	}
	return said.String()
}

func kill(t *testing.T, l *lab.Lab, signals []string) {
	t.Helper()
	pid, err := os.ReadFile(filepath.Join(l.Dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range signals {
		if _, err := l.Exec(t.Context(), "n1", "kill", "-"+s, strings.TrimSpace(string(pid))); err != nil {
			t.Log("it was faster than the second signal") // its exit code tells the rest
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// nothingLeft compares what the engines hold, and looks for keys and copies of the
// program.
func nothingLeft(t *testing.T, l *lab.Lab, before []string) {
	t.Helper()
	asBefore(t, l, before)
	for _, n := range l.Nodes {
		left := ""
		for range 20 { // a copy on another node ends with its connection
			left, _ = l.Exec(t.Context(), n.Name, "sh", "-c", "ls -d /tmp/fairway* /root/.config/fairway 2>/dev/null")
			if left == "" {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if left != "" {
			t.Errorf("left on %s: %s", n.Name, left)
		}
	}
}

// words are what a running program has said so far.
type words struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func (w *words) count(word string) int {
	if word == "" {
		return 0
	}
	return strings.Count(w.String(), word)
}
