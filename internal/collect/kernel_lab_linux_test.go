package collect

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

const (
	appID   = "v7tj5kyongjbwrs03gfpbw4gv"
	sandbox = "d572e0a68b4e"
	overlay = "1-v7tj5kyong"
	webID   = fact.ContainerID("cbb8a061")
)

// bench is a folder of handles as an engine keeps it, over namespaces that the
// test made with the system's own tools.
type bench struct {
	t   testing.TB
	dir string
	// real are the names iproute2 knows the namespaces by.
	real map[string]string
}

// newBench lays out a host, one overlay network and one container on it.
func newBench(t testing.TB) *bench {
	t.Helper()
	need(t, "root", os.Geteuid() == 0)
	for _, tool := range []string{"ip", "bridge", "ss"} {
		_, err := exec.LookPath(tool)
		need(t, "iproute2", err == nil)
	}
	b := &bench{t: t, dir: t.TempDir(), real: make(map[string]string)}
	for i, name := range []string{"default", overlay, sandbox, "lb_v7tj5kyon"} {
		real := fmt.Sprintf("fwtest-%d-%d", os.Getpid(), i)
		run(t, "ip", "netns", "add", real)
		t.Cleanup(func() { run(t, "ip", "netns", "del", real) })
		if err := os.Symlink("/run/netns/"+real, filepath.Join(b.dir, name)); err != nil {
			t.Fatal(err)
		}
		b.real[name] = real
	}
	b.ip("default", "link set lo up", "link add eth0 type veth peer name wire netns "+b.real["lb_v7tj5kyon"], "link set eth0 up mtu 1400", "addr add 10.77.0.11/24 dev eth0",
		"route add 10.88.0.0/16 via 10.77.0.1 mtu 1300", "route add blackhole 10.99.0.0/16", "route add 10.66.0.0/16 via 10.77.0.2 table 7",
		"route add 10.67.0.0/16 nexthop via 10.77.0.3 nexthop via 10.77.0.4", "neigh add 10.77.0.1 lladdr 02:00:00:00:00:01 dev eth0",
		"link add vxlan0 type vxlan id 4097 dstport 4789 ageing 300 proxy l2miss l3miss udpcsum",
		"link set vxlan0 netns "+b.real[overlay], "link add stays type vxlan id 4098 dstport 4789")
	b.ip("lb_v7tj5kyon", "link set lo up", "link set wire up")
	b.ip(overlay, "link set lo up", "link add br0 type bridge", "addr add 10.0.1.1/24 dev br0", "link set br0 up",
		"link set vxlan0 master br0 mtu 1450 up", "link add veth0 mtu 1450 type veth peer name eth0 netns "+b.real[sandbox],
		"link set veth0 master br0 up", "neigh add 10.0.1.9 lladdr 02:42:0a:00:01:09 dev vxlan0 nud permanent")
	run(t, "bridge", "-n", b.real[overlay], "fdb", "add", "02:42:0a:00:01:09", "dev", "vxlan0", "dst", "10.77.0.13", "self", "permanent")
	run(t, "bridge", "-n", b.real[overlay], "fdb", "add", "02:42:0a:00:01:0a", "dev", "vxlan0", "dst", "10.77.0.12", "self", "dynamic")
	b.ip(sandbox, "link set lo up", "link set eth0 address 02:42:0a:00:01:03 up", "addr add 10.0.1.3/24 dev eth0",
		"addr add fd00::3/64 dev eth0 nodad", "route add default via 10.0.1.1")
	return b
}

func (b *bench) ip(ns string, lines ...string) {
	b.t.Helper()
	for _, l := range lines {
		run(b.t, "ip", append([]string{"-n", b.real[ns]}, strings.Fields(l)...)...)
	}
}

// request asks for all of the bench.
func (b *bench) request() KernelRequest {
	addr := netip.MustParseAddr
	return KernelRequest{Node: "n1", NetnsDir: b.dir,
		Peers: []netip.Addr{addr("10.77.0.12"), addr("10.88.0.1"), addr("10.99.0.1"), addr("192.0.2.1")},
		Engine: &fact.Engine{
			Containers: []fact.Container{{ID: webID, Name: "web", State: "running", SandboxKey: "/var/run/docker/netns/" + sandbox,
				Endpoints: []fact.ContainerEndpoint{{Addr: netip.MustParsePrefix("10.0.1.3/24")}}}},
			Networks: []fact.EngineNetwork{{Network: fact.Network{ID: appID, Name: "app", Driver: "overlay"}}},
		}}
}

// socket makes a socket inside and binds it; TCP listens with that backlog.
func (b *bench) socket(ns string, typ int, addr unix.Sockaddr, backlog int, v6only bool) {
	b.t.Helper()
	in, err := netns.Open(filepath.Join(b.dir, ns))
	if err != nil {
		b.t.Fatal(err)
	}
	defer in.Close()
	domain := unix.AF_INET
	if _, ok := addr.(*unix.SockaddrInet6); ok {
		domain = unix.AF_INET6
	}
	fd, err := in.Socket(domain, typ, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { unix.Close(fd) })
	if domain == unix.AF_INET6 && v6only {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err == nil {
		err = unix.Bind(fd, addr)
	}
	if err == nil && typ == unix.SOCK_STREAM {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// see is all that could be changed by looking, as the system's tools tell it.
func (b *bench) see() string {
	var s strings.Builder
	modules, _ := os.ReadDir("/sys/module")
	fmt.Fprintln(&s, modules)
	for name, real := range b.real {
		for _, c := range []string{"ip -n NS link", "ip -n NS addr", "ip -n NS route show table all", "ip -n NS neigh", "bridge -n NS fdb",
			"ip netns exec NS cat /proc/net/ip_tables_names /proc/net/ip6_tables_names"} {
			f := strings.Fields(strings.ReplaceAll(c, "NS", real))
			out, err := exec.Command(f[0], f[1:]...).CombinedOutput()
			fmt.Fprintln(&s, name, c, string(out), err)
		}
	}
	lines := strings.Split(s.String(), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// settle waits until nothing moves by itself any more: new links announce
// themselves, and bridges learn from that.
func (b *bench) settle() string {
	moving := func(s string) bool { return strings.Contains(s, "NO-CARRIER") || strings.Contains(s, "tentative") }
	before, same := b.see(), 0
	for range 100 {
		time.Sleep(150 * time.Millisecond)
		again := b.see()
		if again != before || moving(again) {
			before, same = again, 0
		} else if same++; same == 4 {
			return again
		}
	}
	b.t.Fatal("the namespaces keep changing")
	return ""
}

// need skips where the machine lacks a feature, and fails where the job
// promised it.
func need(t testing.TB, feature string, there bool) {
	t.Helper()
	if there {
		return
	}
	for promised := range strings.SplitSeq(os.Getenv("REQUIRE"), ",") {
		if promised == feature {
			t.Fatalf("missing feature, though promised: %s", feature)
		}
	}
	t.Skipf("missing feature: %s", feature)
}

func run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// rows asks one of the system's tools for JSON.
func rows(t testing.TB, name string, args ...string) []map[string]any {
	t.Helper()
	var out []map[string]any
	b := run(t, name, args...)
	if len(strings.TrimSpace(string(b))) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return out
}
