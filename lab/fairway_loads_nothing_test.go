package lab_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fairway/internal/collect"
	"fairway/internal/fact"
	"fairway/internal/netns"
	"fairway/lab"
)

// disposable is a module that no kernel has: a test that unloads modules must
// not do so on the machine.
const disposable = "disposable_kernel"

// loadable are the modules that a look could load by asking, each with a tool of
// the system that does so and what it leaves for the next look to meet.
var loadable = []struct {
	module  string
	command string
}{
	{"udp_diag", "ss -lun"},
	{"xfrm_user", "ip xfrm state"},
	{"nf_conntrack_netlink", "conntrack -S"},
	{"ip_tables", "iptables-legacy -A INPUT -p tcp --dport 7 -j DROP"},
	{"ip6_tables", "ip6tables-legacy -A INPUT -p tcp --dport 7 -j DROP"},
	{"ip_vs", "ipvsadm -A -f 256 -s rr"},
	{"nf_tables", "nft add table ip own; nft add chain ip own c; nft add rule ip own c tcp dport 7 drop"},
	{"ip_set", "ipset create known hash:ip; ipset add known 192.0.2.1; iptables-legacy -A INPUT -m set --match-set known src -j DROP"},
	{"nft_compat", "iptables-nft -A INPUT -m set --match-set known src -j DROP"},
}

// TestLookingLoadsNothing looks at namespaces on a kernel that has none of the
// modules above, then after each of them is loaded, so that what one gate lets
// pass is seen where the next part is missing.
func TestLookingLoadsNothing(t *testing.T) {
	need(t)
	if lab.RunInUML(t, disposable) {
		return
	}
	req := bareNode(t)
	unload(t)
	missing := modules(t)
	for _, l := range loadable {
		if slices.Contains(missing, l.module) {
			t.Errorf("%s could not be unloaded", l.module)
		}
	}
	lookUntouched(t, "a bare kernel", req)
	for _, l := range loadable {
		before := modules(t)
		if out, err := exec.Command("ip", "netns", "exec", "bare0", "sh", "-c", l.command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", l.command, err, out)
		}
		came := lab.Changes(before, modules(t))
		t.Logf("%s: %s", l.command, came)
		if !slices.Contains(came, "+"+l.module) && !slices.Contains(before, l.module) {
			t.Errorf("%s did not load %s, but %q: then a look that does so would not be seen", l.command, l.module, came)
		}
		lookUntouched(t, "after "+l.command, req)
	}
	host := lookUntouched(t, "after all", req).Host()
	legacy, compat := host.Netfilter.Table(fact.Legacy, "ip", "filter").Chain("INPUT"), host.Netfilter.Table(fact.NFTables, "ip", "filter").Chain("INPUT")
	if legacy == nil || len(legacy.Rules) != 2 || !legacy.Rules[1].Matches[0].Whole || compat == nil || len(compat.Rules) != 1 || !compat.Rules[0].Matches[0].Whole ||
		host.Netfilter.Table(fact.NFTables, "ip", "own") == nil || len(host.IPVS.Services) != 1 || host.Counter("", "nf_conntrack.drop") == nil {
		t.Errorf("not all that is there now was read: %+v, %+v", host.Netfilter, host.IPVS)
	}
}

// TestDiagnoseLoadsNothing runs the program on a node, with engines that write
// iptables-legacy, after everything that nobody uses was unloaded.
func TestDiagnoseLoadsNothing(t *testing.T) {
	need(t)
	buildForInside(t)
	if lab.RunInUML(t, disposable) {
		return
	}
	o := options("loads")
	o.Legacy = true
	l := withFairway(t, o)
	unload(t)
	had := modules(t)
	for _, m := range []string{"nf_tables", "udp_diag", "ip_set"} {
		if slices.Contains(had, m) {
			t.Errorf("%s could not be unloaded", m)
		}
	}
	t.Logf("still loaded: %q", had)
	state := func() []string { return slices.Concat(modules(t), nodeTables(t, l)) }
	before := state()
	for _, args := range [][]string{question, {"diagnose", "-o", "json", ":8080"}, {"check", "-o", "json"}} {
		// Without agents the other nodes are gaps.
		if a := fairway(t, l, "n1", args...); a.code != 4 || len(a.Causes) != 0 {
			t.Errorf("%q: exit %d, causes %+v, gaps %+v (%s)", args, a.code, a.Causes, a.Gaps, a.stderr)
		}
		if c := lab.Changes(before, state()); len(c) > 0 {
			t.Errorf("%q loaded or made %q", args, c)
		}
	}
}

// nodeTables are the tables of iptables-legacy in every namespace of every node.
func nodeTables(t *testing.T, l *lab.Lab) []string {
	t.Helper()
	var out []string
	for _, n := range l.Nodes {
		text, err := l.Exec(t.Context(), n.Name, "sh", "-c", tableScript, "sh", "/run/docker/netns")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			out = append(out, n.Name+" "+strings.TrimSpace(line))
		}
	}
	if len(out) < 10 {
		t.Fatalf("tables %q: too few to be all", out)
	}
	return out
}

// lookUntouched looks as diagnose does, twice, and compares modules and tables.
func lookUntouched(t *testing.T, when string, req collect.KernelRequest) *fact.Kernel {
	t.Helper()
	before := slices.Concat(modules(t), tableNames(t, req.NetnsDir))
	k, gaps := collect.Kernel(t.Context(), req)
	if k == nil || len(gaps) > 0 {
		t.Fatalf("%s: gaps %+v", when, gaps)
	}
	var again []collect.Again
	for i := range k.Namespaces {
		again = append(again, collect.Again{Held: k.Namespaces[i], Rules: true, IPVS: true})
		if n := &k.Namespaces[i]; n.Role == fact.RoleHost && !slices.ContainsFunc(n.Sockets, func(s fact.Socket) bool { return s.Proto == "udp" }) {
			t.Errorf("%s: no UDP socket of the host was read", when)
		}
	}
	if _, gaps := collect.Counters(t.Context(), req, again); len(gaps) > 0 {
		t.Errorf("%s: gaps of the second look %+v", when, gaps)
	}
	if c := lab.Changes(before, slices.Concat(modules(t), tableNames(t, req.NetnsDir))); len(c) > 0 {
		t.Errorf("%s: looking loaded or made %q", when, c)
	}
	return k
}

// bareNode makes a host's namespace, one with the address of its container, which
// proves that this kernel is the engine's, and one of each other kind.
func bareNode(t *testing.T) collect.KernelRequest {
	t.Helper()
	dir := t.TempDir()
	for i, name := range []string{"default", "4f5a3a1f7d2c", "1-t7aq1pnocl", "ingress_sbox", "lb_v7tj5kyon"} {
		real := fmt.Sprintf("bare%d", i)
		for _, argv := range [][]string{{"netns", "add", real}, {"-n", real, "addr", "add", fmt.Sprintf("10.0.1.%d/24", i+2), "dev", "lo"}, {"-n", real, "link", "set", "lo", "up"}} {
			if out, err := exec.Command("ip", argv...).CombinedOutput(); err != nil {
				t.Fatalf("ip %v: %v: %s", argv, err, out)
			}
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", real).Run() })
		if err := os.Symlink("/run/netns/"+real, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	listenUDP(t, filepath.Join(dir, "default"))
	c := fact.Container{ID: "web", Name: "web", State: "running", SandboxKey: "/var/run/docker/netns/4f5a3a1f7d2c",
		Endpoints: []fact.ContainerEndpoint{{Addr: netip.MustParsePrefix("10.0.1.3/24")}}}
	return collect.KernelRequest{Node: "n1", NetnsDir: dir, Ports: []uint16{8080}, Peers: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		Engine: &fact.Engine{Name: "n1", Containers: []fact.Container{c}, Networks: []fact.EngineNetwork{{Network: fact.Network{ID: "t7aq1pnocl", Driver: "overlay"}, Instantiated: true}}}}
}

// listenUDP opens a UDP socket in a namespace, for the look to find.
func listenUDP(t *testing.T, path string) {
	t.Helper()
	at, err := netns.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	err = at.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { unix.Close(fd) })
		return unix.Bind(fd, &unix.SockaddrInet4{Port: 53})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unload takes every module out that nothing holds, and puts them back with the
// end of the test, for the others that use this kernel.
func unload(t *testing.T) {
	t.Helper()
	had := modules(t)
	t.Cleanup(func() {
		if out, err := exec.Command("modprobe", append([]string{"-a"}, had...)...).CombinedOutput(); err != nil {
			t.Errorf("load modules again: %v: %s", err, out)
		}
	})
	for before := -1; before != len(modules(t)); {
		before = len(modules(t))
		for _, m := range modules(t) {
			if m != "br_netfilter" { // which a node needs, and nothing holds
				_ = unix.DeleteModule(m, unix.O_NONBLOCK) // it may be in use
			}
		}
	}
}

// modules are the names of /proc/modules, sorted.
func modules(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("/proc/modules")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		name, _, _ := strings.Cut(line, " ")
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// tableScript prints the tables of iptables-legacy in this namespace and in those
// of a folder, each with its namespace.
const tableScript = `show() { cat /proc/self/net/ip_tables_names /proc/self/net/ip6_tables_names 2>/dev/null | sed -e "s|^|$1 |"; }
show host
for ns in "$1"/*; do nsenter --net=$ns cat /proc/self/net/ip_tables_names /proc/self/net/ip6_tables_names 2>/dev/null | sed -e "s|^|${ns##*/} |"; done`

func tableNames(t *testing.T, dir string) []string {
	t.Helper()
	out, err := exec.Command("sh", "-c", tableScript, "sh", dir).Output()
	if err != nil {
		t.Fatalf("list tables: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
