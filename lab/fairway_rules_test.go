package lab_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"fairway/lab"
)

// comparison is the environment variable that names the collector's own test,
// built before User Mode Linux takes over, where building would take minutes.
const comparison = "FAIRWAY_LAB_COMPARISON"

// TestRulesAreWhatTheToolsSay runs the collector's own comparison on the nodes of
// a healthy lab, with either backend: every namespace's rules, virtual services
// and conntrack numbers against iptables-save, ipvsadm and conntrack.
func TestRulesAreWhatTheToolsSay(t *testing.T) {
	compareNodes(t, "rules", false)
	compareNodes(t, "rulesold", true)
}

// TestRulesWithIPVSAreWhatTheToolsSay is the same with virtual IPs and the routing
// mesh, in User Mode Linux where this kernel has no IPVS.
func TestRulesWithIPVSAreWhatTheToolsSay(t *testing.T) {
	need(t)
	buildComparison(t)
	if lab.RunInUML(t, "ip_vs") {
		return
	}
	compareNodes(t, "rulesvs", false)
}

func buildComparison(t *testing.T) string {
	t.Helper()
	if path := os.Getenv(comparison); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "collect.test")
	cmd := exec.Command("go", "test", "-c", "-o", path, "fairway/internal/collect")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the comparison: %v: %s", err, out)
	}
	t.Setenv(comparison, path)
	return path
}

func compareNodes(t *testing.T, name string, legacy bool) {
	t.Helper()
	need(t)
	program, err := os.ReadFile(buildComparison(t))
	if err != nil {
		t.Fatal(err)
	}
	o := options(name)
	o.Legacy = legacy
	l, err := lab.Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		if err := lab.Down(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(l.Dir, "collect.test"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	backend := "nf_tables"
	if legacy {
		backend = "legacy"
	}
	want := fmt.Sprintf("host:%s container:%s", backend, backend)
	if _, err := os.Stat("/proc/net/ip_vs"); err == nil {
		want += fmt.Sprintf(" lb:%s ingress:%s lb:ipvs ingress:ipvs", backend, backend)
	}
	for _, node := range []string{"n1", "n2", "n3"} {
		out, err := l.Exec(t.Context(), node, "env", "REQUIRE=engine (FAIRWAY_TEST_ENGINE)", "FAIRWAY_TEST_ENGINE=unix:///var/run/docker.sock",
			"FAIRWAY_TEST_WANT="+want, "/lab/collect.test", "-test.v", "-test.run=^TestThisNode$")
		if err != nil {
			t.Errorf("%s: %v\n%s", node, err, out)
		}
	}
}
