package lab_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"

	"fairway/lab"
)

func TestMain(m *testing.M) {
	lab.MaybeChild()
	if name := os.Getenv("LAB_TEST_UP"); name != "" { // this process shall be killed half-way: see TestLabKilled
		_, err := lab.Up(context.Background(), options(name))
		fmt.Println(err)
		os.Exit(0)
	}
	if name := os.Getenv("LAB_TEST_UP_UML"); name != "" {
		_, err := lab.UpInUML(context.Background(), options(name))
		fmt.Println(err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func options(name string) lab.Options {
	engine := os.Getenv("FAIRWAY_LAB_ENGINE")
	if engine == "" {
		engine = "26.1"
	}
	return lab.Options{Name: name, Nodes: 3, Engines: strings.Split(engine, ","), Out: os.Stderr}
}

// need skips a test that this machine cannot run, naming what is missing, and fails it where labs are promised.
func need(t *testing.T) {
	t.Helper()
	missing := ""
	switch {
	case os.Getuid() != 0:
		missing = "root"
	case exec.Command("unshare", "-n", "-m", "-p", "-f", "ip", "link", "add", "type", "vxlan", "id", "1", "dstport", "1").Run() != nil:
		missing = "namespaces with VXLAN"
	case !onPath("debootstrap") && !onPath("apt-get"):
		missing = "debootstrap"
	default:
		return
	}
	if slices.Contains(strings.Split(os.Getenv("REQUIRE"), ","), "lab") {
		t.Fatalf("this machine lacks %s, and REQUIRE promises a lab", missing)
	}
	t.Skipf("no lab here: this machine lacks %s", missing)
}

func onPath(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// up starts a lab that ends with the test; then nothing of it may be left.
func up(t *testing.T, name string) *lab.Lab {
	t.Helper()
	need(t)
	l, err := lab.Up(t.Context(), options(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		if err := lab.Down(context.Background(), name); err != nil {
			t.Error(err)
		}
		if left := lab.Left(name); len(left) > 0 {
			t.Errorf("down left %v", left)
		}
	})
	return l
}

func states(t *testing.T, l *lab.Lab) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, n := range l.Nodes {
		s, err := l.KernelState(t.Context(), n.Name)
		if err != nil {
			t.Fatal(err)
		}
		all[n.Name] = s
	}
	return all
}

// differences of kernel states, as lines with - and +.
func differences(before, after map[string][]string) []string {
	var diff []string
	for node := range before {
		for _, line := range before[node] {
			if !slices.Contains(after[node], line) {
				diff = append(diff, "-"+node+" "+line)
			}
		}
		for _, line := range after[node] {
			if !slices.Contains(before[node], line) {
				diff = append(diff, "+"+node+" "+line)
			}
		}
	}
	return diff
}

// settled waits until what engines still write after a start is written.
func settled(t *testing.T, l *lab.Lab) map[string][]string {
	t.Helper()
	last := states(t, l)
	for range 20 {
		time.Sleep(500 * time.Millisecond)
		now := states(t, l)
		if len(differences(last, now)) == 0 {
			return now
		}
		last = now
	}
	t.Fatal("the lab's kernel state does not come to rest")
	return nil
}

// healed are the faults whose healing has most to put back; that of all others is judged by TestFairwayFaults and the matrix,
// and here too where FAIRWAY_LAB=all (make matrix).
var healed = []string{"fdb-missing", "overlay-neigh-missing", "peer-not-programmed", "overlay-port-down-or-unenslaved",
	"data-path-port-mismatch", "dns-resolver-nat-missing.astray", "duplicate-ip-or-vip", "underlay-mtu-blackhole", "app-wrong-port",
	"firewall-flush", "gwbridge-missing-or-conflict"}

func TestLabFaults(t *testing.T) {
	l := up(t, "faults")
	heals(t, l, func(f lab.Fault) bool { return f.Fits() && (all() || slices.Contains(healed, f.ID)) })
}

// TestLabFaultsMesh is the same for faults that need IPVS.
func TestLabFaultsMesh(t *testing.T) {
	need(t)
	if lab.RunInUML(t, "ip_vs") {
		return
	}
	l := up(t, "faultsmesh")
	heals(t, l, func(f lab.Fault) bool {
		return f.Kernel == "ip_vs" && (all() || f.ID == "ingress-sbox-missing" || f.ID == "ingress-mark-or-lb-missing.service")
	})
}

// all: every fault is wanted, as in make matrix.
func all() bool { return os.Getenv("FAIRWAY_LAB") == "all" }

// heals breaks and heals those faults and compares every node before and after.
func heals(t *testing.T, l *lab.Lab, wanted func(lab.Fault) bool) {
	before := settled(t, l)
	for i, f := range lab.Faults() {
		if !wanted(f) {
			continue
		}
		t.Run(f.ID, func(t *testing.T) {
			d, err := l.Break(t.Context(), f.ID, lab.DrawOptions{Seed: int64(i)})
			if err != nil {
				t.Fatal(err)
			}
			w := f.Want(l, d)
			if w.On == "" || w.From != "" && w.To == "" || len(w.Causes) == 0 {
				t.Errorf("wants nothing: %+v", w)
			}
			if _, err := l.Heal(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := l.Settle(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
			if f.Renews {
				before = settled(t, l)
				return
			}
			sameAgain(t, l, before)
		})
	}
}

// sameAgain waits until every node is as it was.
func sameAgain(t *testing.T, l *lab.Lab, before map[string][]string) {
	t.Helper()
	var diff []string
	for range 20 {
		if diff = differences(before, states(t, l)); len(diff) == 0 {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
	t.Errorf("not as before:\n%s", strings.Join(diff, "\n"))
}

func TestLabHealthy(t *testing.T) {
	l := up(t, "healthy")
	fronts, err := l.Running(t.Context(), "web", "")
	if err != nil || len(fronts) != 3 {
		t.Fatalf("web runs %d tasks, %v", len(fronts), err)
	}
	for _, f := range fronts {
		reaches(t, l, f)
	}
	restart(t, l)
	if err := l.SetAvailability(t.Context(), "n2", swarm.NodeAvailabilityDrain); err != nil {
		t.Fatal(err)
	}
	if err := l.UpdateService(t.Context(), "api", replicas(2)); err != nil {
		t.Fatal(err)
	}
	if err := l.UpdateService(t.Context(), "web", replicas(2)); err != nil {
		t.Fatal(err)
	}
	if err := l.Converge(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if left, err := l.Running(t.Context(), "api", "n2"); err != nil || len(left) > 0 {
		t.Errorf("a drained node runs %v, %v", left, err)
	}
}

func replicas(n uint64) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) { s.Mode.Replicated.Replicas = &n }
}

// reaches checks that a frontend resolves every backend and gets through to each of them, and to the place outside.
func reaches(t *testing.T, l *lab.Lab, from lab.Task) {
	t.Helper()
	found, err := l.Resolve(t.Context(), from, "tasks.api")
	if err != nil || len(found) != 3 {
		t.Fatalf("%s resolves tasks.api to %v, %v", from.Name, found, err)
	}
	ns, err := l.TaskNS(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range found {
		out, err := l.InNS(t.Context(), from.Node, ns, "curl", "-sS", "-m", "5", "http://"+netip.AddrPortFrom(a, 8080).String())
		if err != nil || !strings.HasPrefix(out, "ok ") {
			t.Errorf("%s asks %s: %q, %v", from.Name, a, out, err)
		}
	}
	if found, err = l.Resolve(t.Context(), from, lab.OutsideName); err != nil || !slices.Equal(found, []netip.Addr{lab.Outside.Addr()}) {
		t.Errorf("%s resolves %s to %v, %v", from.Name, lab.OutsideName, found, err)
	}
	if got, err := l.Connect(from.Node, ns, lab.Outside, 5*time.Second); got != lab.Opened {
		t.Errorf("%s asks %s: %s, %v", from.Name, lab.Outside, got, err)
	}
}

// restart stops one engine and starts it again; its tasks are replaced.
func restart(t *testing.T, l *lab.Lab) {
	t.Helper()
	if err := l.StopEngine(t.Context(), "n3"); err != nil {
		t.Fatal(err)
	}
	if err := l.StartEngine(t.Context(), "n3"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // the manager needs a moment to see that tasks are gone
	if err := l.Settle(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	fronts, err := l.Running(t.Context(), "web", "n3")
	if err != nil || len(fronts) != 1 {
		t.Fatalf("n3 runs %v after its restart, %v", fronts, err)
	}
	reaches(t, l, fronts[0])
}

// TestLabKilled kills a starting lab without a warning and checks that nothing of it survives what comes next.
func TestLabKilled(t *testing.T) {
	need(t)
	for _, after := range []time.Duration{20, 60, 150, 400, 1200, 2500, 4000} {
		after *= time.Millisecond
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), "LAB_TEST_UP=killed")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		found := len(lab.Left("killed"))
		if err := lab.Down(t.Context(), "killed"); err != nil {
			t.Fatal(err)
		}
		if left := lab.Left("killed"); len(left) > 0 {
			t.Errorf("killed after %s: %v is left", after, left)
		}
		t.Logf("killed after %s: %d leftovers found and removed", after, found)
	}
}

func TestLabSideBySide(t *testing.T) {
	one, two := up(t, "one"), up(t, "two")
	for _, l := range []*lab.Lab{one, two} {
		fronts, err := l.Running(t.Context(), "web", "n1")
		if err != nil || len(fronts) != 1 {
			t.Fatalf("%s: %v, %v", l.Name, fronts, err)
		}
		reaches(t, l, fronts[0])
	}
}
