package lab_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fairway/lab"
)

// built is the environment variable that names the program when it was built
// before User Mode Linux took over, where building would take minutes.
const built = "FAIRWAY_LAB_PROGRAM"

// buildForInside builds the program for a test that may go on inside.
func buildForInside(t *testing.T) {
	t.Helper()
	program, err := buildFairway()
	if err != nil {
		t.Fatalf("build fairway: %v", err)
	}
	t.Setenv(built, program)
}

// buildFairway makes the program that the tests below judge, once.
var buildFairway = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(built); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "fairway")
	if err != nil {
		return "", err
	}
	to := filepath.Join(dir, "fairway")
	cmd := exec.Command("go", "build", "-o", to, "fairway/cmd/fairway")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", &buildError{out, err}
	}
	return to, nil
})

type buildError struct {
	out []byte
	err error
}

func (e *buildError) Error() string { return e.err.Error() + ": " + string(e.out) }

// withFairway starts a lab that has fairway in every node.
func withFairway(t *testing.T, o lab.Options) *lab.Lab {
	t.Helper()
	need(t)
	program, err := buildFairway()
	if err != nil {
		t.Fatalf("build fairway: %v", err)
	}
	l, err := lab.Up(t.Context(), o)
	if err != nil {
		t.Fatalf("start a lab: %v", err)
	}
	t.Cleanup(func() {
		l.Close()
		if err := lab.Down(context.Background(), l.Name); err != nil {
			t.Error(err)
		}
	})
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.Dir, "fairway"), content, 0o755); err != nil {
		t.Fatal(err)
	}
	return l
}

// answer is what fairway said, as a program reads it.
type answer struct {
	Verdict string `json:"verdict"`
	Summary string `json:"summary"`
	Causes  []struct {
		ID   string `json:"id"`
		Node string `json:"node"`
	} `json:"causes"`
	Probes []struct {
		Outcome string `json:"outcome"`
	} `json:"probes"`
	Tasks []struct {
		Name string `json:"name"`
	} `json:"tasks"`
	Gaps   []gap `json:"gaps"`
	code   int
	stderr string
}

type gap struct {
	Node   string `json:"node"`
	What   string `json:"what"`
	Reason string `json:"reason"`
	Do     string `json:"do"`
	Aside  bool   `json:"aside"`
}

// hidden are the gaps that hide something: that a young lab's log begins late does not.
func (a *answer) hidden() []gap {
	var out []gap
	for _, g := range a.Gaps {
		if !g.Aside {
			out = append(out, g)
		}
	}
	return out
}

func (a *answer) gap(what string) bool {
	for _, g := range a.Gaps {
		if g.What == what || strings.Contains(g.Reason, what) {
			return true
		}
	}
	return false
}

// fairway runs the program on a node; env is put before it.
func fairway(t *testing.T, l *lab.Lab, node string, args ...string) answer {
	t.Helper()
	return fairwayWith(t, l, node, nil, args...)
}

func fairwayWith(t *testing.T, l *lab.Lab, node string, env []string, args ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	argv := append(append([]string{"env"}, env...), "/lab/fairway")
	cmd, err := l.Command(ctx, node, "", append(argv, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("fairway %v hangs: %s", args, errs.String())
	}
	a := answer{code: cmd.ProcessState.ExitCode(), stderr: errs.String()}
	if strings.Contains(a.stderr, "panic") {
		t.Fatalf("fairway %v panics: %s", args, a.stderr)
	}
	if out.Len() > 0 {
		if bad := json.Unmarshal(out.Bytes(), &a); bad != nil {
			t.Fatalf("fairway %v: %v (%v) in %s", args, bad, err, out.String())
		}
	}
	return a
}

var question = []string{"diagnose", "-o", "json", "web", "api:8080"}

// TestFairwayTrouble is everything that may stand in the operator's way other
// than a broken network, on one real Swarm: a worker, another node's engine,
// names that nobody knows, an engine that hangs, managers without a leader. The
// order matters: the last ones break the Swarm for good.
func TestFairwayTrouble(t *testing.T) {
	l := withFairway(t, lab.Options{Name: "trouble", Nodes: 4, Managers: 3, Engines: []string{"26.1"}, Out: os.Stderr})
	steps := []struct {
		name string
		run  func(*testing.T, *lab.Lab)
	}{
		{"a worker goes on with what it knows", onAWorker},
		{"another engine's kernel is not this one", otherEngine},
		{"names that are wrong", wrongNames},
		{"an engine in no swarm", noSwarm},
		{"an engine that hangs", engineHangs},
		{"managers without a leader", noLeader},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) { s.run(t, l) })
	}
}

func onAWorker(t *testing.T, l *lab.Lab) {
	a := fairway(t, l, "n4", question...)
	if a.code != 4 || !a.gap("swarm") || len(a.Tasks) == 0 || len(a.Probes) == 0 {
		t.Fatalf("exit %d, %+v: want 4, a gap for the managers' view, tasks and probes", a.code, a)
	}
	rows, err := l.FDB(t.Context(), "n4", "app")
	if err != nil || len(rows) == 0 {
		t.Fatalf("rows %v: %v", rows, err)
	}
	for _, r := range rows {
		if _, err := l.InOverlay(t.Context(), "n4", "app", "bridge", "fdb", "del", r.MAC, "dev", "vxlan0", "dst", r.VTEP.String(), "self"); err != nil {
			t.Fatal(err)
		}
	}
	a = fairway(t, l, "n4", question...)
	if a.code != 3 || len(a.Causes) == 0 || a.Causes[0].ID != "fdb-missing" || a.Causes[0].Node != "n4" {
		t.Errorf("exit %d, causes %+v: want 3 and fdb-missing on n4", a.code, a.Causes)
	}
	for _, r := range rows {
		if _, err := l.InOverlay(t.Context(), "n4", "app", "bridge", "fdb", "replace", r.MAC, "dev", "vxlan0", "dst", r.VTEP.String(), "self", "permanent"); err != nil {
			t.Fatal(err)
		}
	}
}

func otherEngine(t *testing.T, l *lab.Lab) {
	a := fairwayWith(t, l, "n1", []string{"DOCKER_HOST=unix:///lab/n2.sock"}, question...)
	if a.code != 4 || !a.gap("kernel") || len(a.Probes) != 0 {
		t.Errorf("exit %d, gaps %+v, probes %+v: want 4, a gap for the kernel, no probe", a.code, a.Gaps, a.Probes)
	}
}

func wrongNames(t *testing.T, l *lab.Lab) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"diagnose", "web", "apu:8080"}, 2, "did you mean api"},
		{[]string{"diagnose", "web", "api:99999"}, 2, "port"},
		{[]string{"diagnose"}, 2, "TO"},
		{[]string{"diagnose", "--node", "n9", "web", "api"}, 2, "n9"},
		{[]string{"diagnose", "-H", "unix:///nowhere.sock", "web", "api"}, 1, "nowhere.sock"},
	} {
		if a := fairway(t, l, "n1", c.args...); a.code != c.code || !strings.Contains(a.stderr, c.says) {
			t.Errorf("fairway %v: exit %d, %q; want %d and %q", c.args, a.code, a.stderr, c.code, c.says)
		}
	}
}

func noSwarm(t *testing.T, l *lab.Lab) {
	if _, err := l.Exec(t.Context(), "n4", "docker", "swarm", "leave"); err != nil {
		t.Fatal(err)
	}
	a := fairway(t, l, "n4", question...)
	if a.code != 1 || !strings.Contains(a.stderr, "swarm") || strings.Count(strings.TrimSpace(a.stderr), "\n") > 1 {
		t.Errorf("exit %d, %q: want 1 and one sentence", a.code, a.stderr)
	}
}

func engineHangs(t *testing.T, l *lab.Lab) {
	if err := l.SignalEngine(t.Context(), "n1", "STOP"); err != nil {
		t.Fatal(err)
	}
	a := fairway(t, l, "n1", append([]string{"diagnose", "--timeout", "2s"}, question[1:]...)...)
	if err := l.SignalEngine(t.Context(), "n1", "CONT"); err != nil {
		t.Fatal(err)
	}
	if a.code != 4 || !strings.Contains(a.Summary, "the engine of n1 hangs") || !strings.Contains(a.Summary, "2s") {
		t.Errorf("exit %d, %q (%s): want 4, and how long it waited", a.code, a.Summary, a.stderr)
	}
}

func noLeader(t *testing.T, l *lab.Lab) {
	for _, n := range []string{"n2", "n3"} {
		if err := l.SignalEngine(t.Context(), n, "STOP"); err != nil {
			t.Fatal(err)
		}
		defer l.SignalEngine(context.Background(), n, "CONT")
	}
	deadline := time.Now().Add(time.Minute)
	for {
		a := fairway(t, l, "n1", question...)
		if a.gap("leader") {
			if (a.code != 3 && a.code != 4) || len(a.Tasks) == 0 {
				t.Errorf("exit %d, %+v: want 3 or 4 and the tasks that gossip knows", a.code, a)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no word of the missing leader: exit %d, gaps %+v", a.code, a.Gaps)
		}
		time.Sleep(time.Second)
	}
}

// TestFairwayFaults judges fairway by faults on real engines: healthy before,
// exactly the causes expected, healthy after. `make matrix` tries all faults on
// all engines; here are one or more for every layer, and what is unusual and not
// wrong.
func TestFairwayFaults(t *testing.T) {
	need(t)
	program, err := buildFairway()
	if err != nil {
		t.Fatalf("build fairway: %v", err)
	}
	few := []string{"fdb-missing", "app-wrong-port", "healthy.rolling-update"}
	for engine, faults := range map[string][]string{
		"26.1": {
			"healthy.rolling-update", "healthy.drained-node", "healthy.dnsrr-service", "healthy.global-service", "healthy.dotted-name", "healthy.host-published",
			"underlay-vxlan-udp-blocked", "underlay-mtu-blackhole", "gossip-7946-blocked", "availability-or-placement.constraint", "fdb-missing",
			"overlay-neigh-missing", "dns-resolver-dead", "dns-name-collision.alias", "app-wrong-port", "app-accept-queue-overflow", "network-not-shared",
			"ipvs-kernel-missing", "firewall-flush", "egress-gwbridge-broken.masquerade-asked", "app-firewall-inside", "dns-resolver-nat-missing",
			"healthy.outside-by-name", "outside-name-unknown",
		},
		"20.10": few, "28.5": few, "29": few,
	} {
		t.Run(engine, func(t *testing.T) {
			results := t.TempDir()
			err := lab.Matrix(t.Context(), lab.MatrixOptions{Name: "faults", Way: lab.Here, Engines: []string{engine}, Faults: faults, Seed: 1,
				Fairway: program, Results: results, Out: os.Stdout})
			if err == nil {
				return
			}
			table, _ := os.ReadFile(filepath.Join(results, "matrix.md"))
			t.Errorf("%v\n%s", err, table)
		})
	}
}

// TestFairwaySSH: no agents, real sshd in every node: all nodes are seen, a fault
// on another one is pinned there, and nothing stays on the nodes.
func TestFairwaySSH(t *testing.T) {
	l := withFairway(t, lab.Options{Name: "ssh", Nodes: 3, Engines: []string{"26.1"}, Out: os.Stderr})
	if err := l.StartSSH(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	bySSH := append([]string{"diagnose", "--ssh", "root@{addr}"}, question[1:]...)
	if a := fairway(t, l, "n1", bySSH...); a.code != 0 || a.Verdict != "ok" || len(a.hidden()) != 0 {
		t.Fatalf("healthy: exit %d, %+v (%s)", a.code, a, a.stderr)
	}
	d, err := l.Break(t.Context(), "fdb-missing", lab.DrawOptions{Seed: 1, Node: "n2"})
	if err != nil {
		t.Fatal(err)
	}
	a := fairway(t, l, "n1", bySSH...)
	if a.code != 3 || len(a.Causes) != 1 || a.Causes[0].ID != "fdb-missing" || a.Causes[0].Node != d.Node {
		t.Errorf("broken: exit %d, causes %+v, gaps %+v; want fdb-missing on %s", a.code, a.Causes, a.Gaps, d.Node)
	}
	if _, err := l.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, n := range l.Nodes {
		if out, err := l.Exec(t.Context(), n.Name, "sh", "-c", "ls /tmp; pgrep -af 'agent --stdio' | grep -v pgrep"); strings.Contains(out, "fairway") {
			t.Errorf("left on %s: %q (%v)", n.Name, out, err)
		}
	}
	wrong := append([]string{"diagnose", "--ssh", "nobody@{addr}"}, question[1:]...)
	if a := fairway(t, l, "n1", wrong...); a.code != 4 || !a.gap("nobody@10.77.0.12") {
		t.Errorf("with nobody's login: exit %d, gaps %+v", a.code, a.Gaps)
	}
}
