package collect

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStrain reads a /proc of the test's own, and the machine's.
func TestStrain(t *testing.T) {
	proc := t.TempDir()
	write(t, filepath.Join(proc, "loadavg"), "9.50 4.25 1.00 7/467 12345\n")
	write(t, filepath.Join(proc, "pressure/cpu"), "some avg10=91.50 avg60=80.00 avg300=12.34 total=123\n") // before 5.13
	write(t, filepath.Join(proc, "pressure/io"), "some avg10=1.00 avg60=2.00 avg300=3.00 total=1\nfull avg10=0.50 avg60=0.25 avg300=0.10 total=1\n")
	write(t, filepath.Join(proc, "pressure/memory"), "nothing that we know\n")
	got := strain(proc)
	if got == nil || got.Load != [3]float64{9.5, 4.25, 1} || got.CPUs < 1 || len(got.Pressure) != 2 {
		t.Fatalf("%+v", got)
	}
	if p := got.Of("cpu"); p.Some != [3]float64{91.5, 80, 12.34} || p.Full != [3]float64{} {
		t.Errorf("%+v", p)
	}
	if p := got.Of("io"); p.Full != [3]float64{0.5, 0.25, 0.1} {
		t.Errorf("%+v", p)
	}
	if strain(t.TempDir()) != nil {
		t.Error("a machine that says nothing is known")
	}
	if s := strain("/proc"); s == nil {
		t.Error("this machine's load is not known")
	}
}

func TestStrainRefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{"", "1 2", "1 2 x 3", "-1 0 0", "NaN 0 0", "1e300 0 0"} {
		if _, err := averages([]byte(text)); !errors.Is(err, errStrain) {
			t.Errorf("load %q: %v", text, err)
		}
	}
	for _, text := range []string{"most avg10=1 avg60=1 avg300=1", "some avg10=1", "some avg60=1 avg10=1 avg300=1", "some avg10=-1 avg60=1 avg300=1"} {
		if _, err := pressure("cpu", []byte(text)); !errors.Is(err, errStrain) {
			t.Errorf("pressure %q: %v", text, err)
		}
	}
	for _, text := range []string{"", "1", "1 -2 3", "x 2 3"} {
		if _, _, err := waits([]byte(text)); !errors.Is(err, errStrain) {
			t.Errorf("schedstat %q: %v", text, err)
		}
	}
}

func FuzzStrain(f *testing.F) {
	f.Add([]byte("0.52 0.58 0.59 1/467 12345\n"))
	f.Add([]byte("some avg10=0.00 avg60=1.20 avg300=0.40 total=123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = averages(b)
		_, _ = pressure("cpu", b)
		_, _, _ = waits(b)
	})
}

// TestEngineWaits adds up the threads of the engine that lives in the namespace.
func TestEngineWaits(t *testing.T) {
	proc := t.TempDir()
	engine := func(pid, name string) uint64 {
		write(t, filepath.Join(proc, pid, "comm"), name+"\n")
		write(t, filepath.Join(proc, pid, "ns/net"), "")
		write(t, filepath.Join(proc, pid, "task", pid, "schedstat"), "1000 200 3\n")
		write(t, filepath.Join(proc, pid, "task", pid+"1", "schedstat"), "10 7 1\n")
		write(t, filepath.Join(proc, pid, "task", pid+"2", "schedstat"), "garbled\n")
		return inode(filepath.Join(proc, pid, "ns/net"))
	}
	ours := engine("77", "dockerd")
	engine("78", "containerd")
	rows := engineWaits(proc, ours)
	wantCounters(t, rows, nil, map[string]uint64{"dockerd.run": 1010, "dockerd.wait": 207})
	if rows := engineWaits(proc, 1); rows != nil {
		t.Errorf("of another network namespace: %v", rows)
	}
}

// TestNeighbourTables: netlink says in a namespace what /proc and `ip ntable` say
// of the whole machine.
func TestNeighbourTables(t *testing.T) {
	b := newBench(t)
	k := kernelOf(t, b.request())
	if len(k.NeighbourTables) != 2 {
		t.Fatalf("%+v", k.NeighbourTables)
	}
	arp := k.NeighbourTable("arp_cache")
	said := string(run(t, "ip", "ntable", "show", "name", "arp_cache"))
	if limits := fmt.Sprintf("thresh1 %d thresh2 %d thresh3 %d ", arp.Thresh1, arp.Thresh2, arp.Thresh3); !strings.Contains(said, limits) {
		t.Errorf("%+v, ip says %s", arp, said)
	}
	for _, name := range []string{"arp_cache", "ndisc_cache"} {
		if c := k.Host().Counter("", name+".table_fulls"); c == nil {
			t.Errorf("%s: nothing counts refused rows", name)
		}
	}
	for i := range 40 {
		b.ip(sandbox, fmt.Sprintf("neigh add 10.0.1.%d lladdr 02:00:00:00:00:07 dev eth0 nud permanent", 100+i))
	}
	if more := kernelOf(t, b.request()).NeighbourTable("arp_cache"); more.Entries < arp.Entries+30 {
		t.Errorf("%d rows, and 40 more: %d", arp.Entries, more.Entries)
	}
	for _, ns := range k.Namespaces {
		if ns.Name != "host" && (time.Since(ns.Made) > time.Minute || time.Since(ns.Made) < -time.Second) {
			t.Errorf("%s was made at %v", ns.Name, ns.Made)
		}
	}
}

func FuzzNeighbourTable(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 14, 0, 1, 0, 'a', 'r', 'p', '_', 'c', 'a', 'c', 'h', 'e', 0, 0, 0, 8, 0, 4, 0, 0, 4, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _ = neighbourTable(b)
	})
}
