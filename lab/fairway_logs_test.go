package lab_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fairway/internal/casefile"
	"fairway/internal/fact"
	meaning "fairway/internal/said"
	"fairway/lab"
)

// TestLogsAreWhatJournalctlSays collects random windows of every node, by agents but for one, and compares them with what
// each node's own journalctl says of the same windows: three versions of it, line for line.
func TestLogsAreWhatJournalctlSays(t *testing.T) {
	o := options("journals")
	o.Engines = []string{"26.1", "20.10", "28.5"}
	l := withFairway(t, o)
	begin := time.Now() // the journals have begun by now
	if err := l.DeployAgents(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.StopEngine(t.Context(), "n3"); err != nil { // a restart says much, and makes a second life of the log
		t.Fatal(err)
	}
	if err := l.StartEngine(t.Context(), "n3"); err != nil {
		t.Fatal(err)
	}
	if err := l.Settle(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	lines := 0
	for range 6 {
		whole := time.Since(begin)
		from := time.Duration(rng.Int64N(int64(whole)))
		to := from + time.Duration(rng.Int64N(int64(whole-from)))
		lines += compareLogs(t, l, begin.Add(from), begin.Add(to))
	}
	lines += compareLogs(t, l, begin.Add(-time.Hour), time.Now())
	if lines < 300 {
		t.Errorf("%d lines in all windows together: that proves little", lines)
	}
}

// compareLogs collects one window and returns how many lines were the same.
func compareLogs(t *testing.T, l *lab.Lab, from, to time.Time) int {
	t.Helper()
	stamp := func(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z") }
	out, err := l.Exec(t.Context(), "n1", "/lab/fairway", "collect", "--all-nodes", "--since", stamp(from), "--until", stamp(to), "-o", "/lab/logs.fairway")
	if err != nil {
		t.Fatalf("collect: %v\n%s", err, out)
	}
	k, err := casefile.Open(filepath.Join(l.Dir, "logs.fairway"))
	if err != nil {
		t.Fatal(err)
	}
	same, nodes := 0, 0
	for i := range k.Snapshot.Nodes {
		n := &k.Snapshot.Nodes[i]
		if n.Said == nil || len(n.Said.Windows) != 1 {
			t.Errorf("%s said %+v", n.Name, n.Said)
			continue
		}
		nodes++
		want, got := journalctl(t, l, n.Name, n.Said.Windows[0]), heard(n.Said)
		if diff := lab.Changes(want, got); len(diff) > 0 || len(want) != len(got) {
			t.Errorf("%s from %s to %s: journalctl has %d lines, fairway %d:\n%s", n.Name, stamp(from), stamp(to), len(want), len(got),
				strings.Join(diff[:min(len(diff), 20)], "\n"))
		}
		same += len(want)
	}
	if nodes != len(l.Nodes) {
		t.Errorf("logs of %d nodes: %v", nodes, k.Snapshot.Gaps)
	}
	return same
}

// heard are the lines that fairway collected, each with its time in microseconds.
func heard(s *fact.Said) []string {
	var out []string
	for _, line := range s.Lines {
		if line.From == fact.FromEngine {
			out = append(out, fmt.Sprintf("%d %s", line.At.UnixMicro(), line.Text))
		}
	}
	slices.Sort(out) // the order of one microsecond is not fixed
	return out
}

// journalctl asks a node's own one; secrets, such as gossip's keys, are masked as fairway masks them.
func journalctl(t *testing.T, l *lab.Lab, node string, w fact.Window) []string {
	t.Helper()
	at := func(x time.Time) string { return fmt.Sprintf("@%d.%06d", x.Unix(), x.Nanosecond()/1000) }
	text, err := l.Exec(t.Context(), node, "journalctl", "-q", "--no-pager", "-D", "/var/log/journal", "-t", "dockerd",
		"--since", at(w.From), "--until", at(w.To), "-o", "json", "--output-fields=MESSAGE")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	in := bufio.NewScanner(strings.NewReader(text))
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var e struct {
			At      string `json:"__REALTIME_TIMESTAMP"`
			Message string `json:"MESSAGE"`
		}
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", in.Bytes(), err)
		}
		out = append(out, e.At+" "+meaning.Mask(e.Message))
	}
	slices.Sort(out)
	return out
}
