package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

// kernelOf reads the bench and wants no gap.
func kernelOf(t *testing.T, req KernelRequest) *fact.Kernel {
	t.Helper()
	k, gaps := Kernel(t.Context(), req)
	if len(gaps) > 0 || k == nil {
		t.Fatalf("gaps: %+v", gaps)
	}
	return k
}

func TestKernelReadsWhatTheSystemsToolsSay(t *testing.T) {
	b := newBench(t)
	b.socket(sandbox, unix.SOCK_STREAM, &unix.SockaddrInet6{Port: 8080}, 77, false)
	b.socket(sandbox, unix.SOCK_STREAM, &unix.SockaddrInet6{Port: 8081}, 7, true)
	b.socket(sandbox, unix.SOCK_STREAM, &unix.SockaddrInet4{Port: 9090, Addr: [4]byte{127, 0, 0, 1}}, 5, false)
	b.socket(sandbox, unix.SOCK_DGRAM, &unix.SockaddrInet4{Port: 5353, Addr: [4]byte{10, 0, 1, 3}}, 0, false)
	b.settle()
	k := kernelOf(t, b.request())
	var names []string
	for i := range k.Namespaces {
		ns := &k.Namespaces[i]
		names = append(names, ns.Name+" "+string(ns.Role)+" "+string(ns.Network))
		handle := ns.Name
		if ns.Role == fact.RoleHost {
			handle = "default"
		}
		t.Run(ns.Name, func(t *testing.T) {
			compare(t, "links", linksByTool(t, b.real[handle]), linksOf(ns))
			compare(t, "neighbours", neighboursByTool(t, b.real[handle]), neighboursOf(ns))
			compare(t, "fdb", fdbByTool(t, b.real[handle]), fdbOf(ns))
			compare(t, "routes", routesByTool(t, b.real[handle]), routeRows(ns))
			compare(t, "sockets", socketsByTool(t, b.real[handle]), socketsOf(ns))
			for _, s := range ns.Sysctls {
				path := "/proc/sys/" + strings.ReplaceAll(s.Key, ".", "/")
				want := strings.Fields(string(run(t, "ip", "netns", "exec", b.real[handle], "cat", path)))
				if s.Key != "net.netfilter.nf_conntrack_count" && s.Value != strings.Join(want, " ") {
					t.Errorf("%s = %q, want %q", s.Key, s.Value, want)
				}
			}
		})
	}
	compare(t, "namespaces", []string{"host host ", overlay + " overlay " + appID, sandbox + " container ", "lb_v7tj5kyon lb " + appID}, names)
	if ns := k.Sandbox(webID); ns == nil || ns.Name != sandbox {
		t.Errorf("the container's namespace: %v", ns)
	}
}

func compare(t *testing.T, what string, want, got []string) {
	t.Helper()
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-tool +ours):\n%s", what, d)
	}
}

func TestLookupsTellTheKernelsAnswer(t *testing.T) {
	host := kernelOf(t, newBench(t).request()).Host()
	var got []string
	for _, l := range host.Lookups {
		got = append(got, fmt.Sprintf("%v: via %v from %v mtu %d err %q", l.Dst, l.Gateway, l.Src, l.MTU, l.Err))
	}
	compare(t, "look-ups", []string{
		`10.77.0.12: via invalid IP from 10.77.0.11 mtu 0 err ""`,
		`10.88.0.1: via 10.77.0.1 from 10.77.0.11 mtu 1300 err ""`,
		`10.99.0.1: via invalid IP from invalid IP mtu 0 err "a blackhole route"`,
		`192.0.2.1: via invalid IP from invalid IP mtu 0 err "network is unreachable"`,
	}, got)
	if eth0 := host.LinkNamed("eth0"); eth0.Driver != "veth" || len(eth0.Offload) == 0 {
		t.Errorf("driver %q, features %v", eth0.Driver, eth0.Offload)
	}
	if lo := host.LinkNamed("lo"); lo.Driver != "" || lo.Offload != nil {
		t.Errorf("lo was asked: %+v", lo)
	}
}

// TestV6OnlyAndBothWaysOfReadingSockets: what /proc says is what socket
// diagnosis says, as far as /proc can tell.
func TestV6OnlyAndBothWaysOfReadingSockets(t *testing.T) {
	b := newBench(t)
	b.socket(sandbox, unix.SOCK_STREAM, &unix.SockaddrInet6{Port: 8080}, 77, false)
	b.socket(sandbox, unix.SOCK_STREAM, &unix.SockaddrInet6{Port: 8081}, 7, true)
	b.socket(sandbox, unix.SOCK_DGRAM, &unix.SockaddrInet4{Port: 53}, 0, false)
	req := b.request()
	read := func(gate diagGate) []fact.Socket {
		todo, _ := req.spaces()
		var out []fact.Socket
		for i := range todo {
			s := &todo[i]
			s.req, s.gate = &req, gates{diagGate: gate}
			if s.held.Name != sandbox {
				s.at.Close()
				continue
			}
			s.read(t.Context())
			if len(s.gaps) > 0 {
				t.Fatal(s.gaps)
			}
			out = s.held.Sockets
		}
		return out
	}
	gate := readModules(os.DirFS("/"), unameRelease(t)).diagnosis()
	need(t, "tcp_diag", gate.tcp)
	need(t, "udp_diag", gate.udp)
	full, plain := read(gate), read(diagGate{})
	if len(full) != 3 {
		t.Fatalf("%+v", full)
	}
	for i, s := range full {
		if want := s.Local.Port() == 8081; s.V6Only != want {
			t.Errorf("%v: only IPv6: %v", s.Local, s.V6Only)
		}
		full[i].V6Only, full[i].Backlog, full[i].BacklogKnown = false, 0, false
	}
	if d := cmp.Diff(full, plain, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
		t.Errorf("-diagnosis +proc:\n%s", d)
	}
}

func unameRelease(t *testing.T) string {
	t.Helper()
	k, err := identity()
	if err != nil {
		t.Fatal(err)
	}
	return k.Release
}

func TestCountersSeeWhatHappenedBetween(t *testing.T) {
	b := newBench(t)
	req := b.request()
	for _, tool := range []string{"iptables-nft", "iptables-legacy"} {
		run(t, "ip", "netns", "exec", b.real[sandbox], tool, "-A", "OUTPUT", "-p", "udp", "--dport", "9", "-j", "ACCEPT")
	}
	k := kernelOf(t, req)
	in, err := Enter(req, k.Sandbox(webID))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	fd, err := in.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for range 5 { // to ourselves: nobody listens there
		unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}})
	}
	later, gaps := Counters(t.Context(), req, again(k))
	if len(gaps) > 0 {
		t.Fatal(gaps)
	}
	k.Later(later)
	ns := k.Sandbox(webID)
	if c := ns.Counter("", "Udp.NoPorts"); c == nil || !c.Twice || c.Delta() != 5 {
		t.Errorf("Udp.NoPorts: %+v", c)
	}
	if c := ns.Counter("lo", "tx_packets"); c == nil || !c.Twice || c.Delta() != 10 {
		t.Errorf("packets on lo, each with an answer: %+v", c)
	}
	for _, backend := range []fact.Backend{fact.NFTables, fact.Legacy} {
		c := ns.Netfilter.Table(backend, "ip", "filter").Chain("OUTPUT")
		if c == nil || len(c.Rules) != 1 || c.Rules[0].Hits.Delta() != 5 || c.Rules[0].Target.Kind != fact.TargetAccept {
			t.Errorf("%s: %+v", backend, c)
		}
	}
	ns.Inode++ // as if the name meant another namespace by now
	_, gaps = Counters(t.Context(), req, again(k))
	if len(gaps) != 1 || gaps[0].NetNS != sandbox || gaps[0].Kind != fact.KindCounters {
		t.Errorf("gaps: %+v", gaps)
	}
}

// again asks for all counters of what was read.
func again(k *fact.Kernel) []Again {
	var out []Again
	for _, ns := range k.Namespaces {
		out = append(out, Again{Held: ns, Rules: ns.Netfilter != nil, IPVS: ns.IPVS != nil})
	}
	return out
}

func TestLookingChangesNothing(t *testing.T) {
	b := newBench(t)
	before := b.settle()
	kernelOf(t, b.request())
	if d := cmp.Diff(before, b.see()); d != "" {
		t.Error(d)
	}
}

func TestOurs(t *testing.T) {
	b := newBench(t)
	for name, c := range map[string]struct {
		change func(*KernelRequest)
		why    string // part of the reason; empty: ours
	}{
		"the container's address is there": {func(*KernelRequest) {}, ""},
		"no engine":                        {func(r *KernelRequest) { r.Engine = nil }, "could not be asked"},
		"an engine elsewhere": {func(r *KernelRequest) {
			r.Engine.Containers[0].SandboxKey = "/var/run/docker/netns/0123456789ab"
		}, "none of the 1 namespaces"},
		"the same name, another address": {func(r *KernelRequest) {
			r.Engine.Containers[0].Endpoints[0].Addr = netip.MustParsePrefix("10.0.1.99/24")
		}, "do not hold the addresses"},
		"nothing runs": {func(r *KernelRequest) { r.Engine.Containers = nil }, "runs no container"},
		"nothing runs, but the balancer's address is there": {func(r *KernelRequest) {
			r.Engine.Containers = nil
			r.Engine.Networks[0].Endpoints = []fact.Endpoint{{Key: "lb-app", Addr: netip.MustParsePrefix("10.0.1.7/24")}}
		}, ""},
		"another node's balancer": {func(r *KernelRequest) {
			r.Engine.Containers = nil
			r.Engine.Networks[0].Endpoints = []fact.Endpoint{{Key: "lb-app", Addr: netip.MustParsePrefix("10.0.1.8/24")}}
		}, "runs no container"},
		"a process that is no container's": {func(r *KernelRequest) {
			r.Engine.Containers = []fact.Container{{ID: "feedfacefeedface", Pid: os.Getpid(), NetworkMode: "host"}}
		}, "runs no container"},
		"an empty folder": {func(r *KernelRequest) { r.NetnsDir = t.TempDir() }, "none of the 1 namespaces"},
	} {
		b.ip("lb_v7tj5kyon", "addr replace 10.0.1.7/32 dev lo")
		req := b.request()
		c.change(&req)
		g := Ours(t.Context(), req)
		switch {
		case c.why == "" && g != nil:
			t.Errorf("%s: %+v", name, g)
		case c.why != "" && (g == nil || !strings.Contains(g.Reason, c.why) || g.Kind != fact.KindKernel || g.Do == ""):
			t.Errorf("%s: %+v, want %q", name, g, c.why)
		}
		if k, gaps := Kernel(t.Context(), req); c.why != "" && (k != nil || len(gaps) != 1) {
			t.Errorf("%s: read all the same: %v", name, gaps)
		}
	}
}

func TestOursSaysWhatStoodInTheWay(t *testing.T) {
	req := KernelRequest{Engine: &fact.Engine{}}
	for want, p := range map[fact.Class]proof{
		fact.ClassPermission: {req: &req, tried: 2, refused: fmt.Errorf("enter namespace x: %w", unix.EPERM)},
		fact.ClassNotExist:   {req: &req, tried: 2, refused: fmt.Errorf("open namespace x: %w", netns.ErrNotNamespace)},
		fact.ClassTimeout:    {req: &req, tried: 2, refused: unix.EAGAIN},
		fact.ClassUnseen:     {req: &req},
	} {
		if g := p.gap(); g.Class != want || g.Do == "" || g.Kind != fact.KindKernel {
			t.Errorf("%+v, want class %s", g, want)
		}
	}
}

// TestHandlesThatAreNoNamespaces: a file without its mount, as a container sees
// the engine's folder that was bound without propagation.
func TestHandlesThatAreNoNamespaces(t *testing.T) {
	b := newBench(t)
	// Nobody's is the file of a container that ended; it hides nothing.
	for _, name := range []string{"0123456789ab", "fedcba987654"} {
		if err := os.WriteFile(filepath.Join(b.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	req := b.request()
	req.Engine.Containers = append(req.Engine.Containers,
		fact.Container{ID: "unmounted", Name: "unmounted", State: "running", SandboxKey: "/var/run/docker/netns/0123456789ab"},
		fact.Container{ID: "gone", Name: "gone", State: "running", SandboxKey: "/var/run/docker/netns/aaaaaaaaaaaa"})
	k, gaps := Kernel(t.Context(), req)
	if k == nil || len(k.Namespaces) != 4 || len(gaps) != 2 {
		t.Fatalf("%+v", gaps)
	}
	for i, ns := range []string{"0123456789ab", "aaaaaaaaaaaa"} {
		if g := gaps[i]; g.NetNS != ns || g.Class != fact.ClassNotExist || g.Kind != fact.KindKernel {
			t.Errorf("%+v", g)
		}
	}
}

// TestLeftoverOfIngress: the file of ingress_sbox hides something only where the
// engine takes part in the ingress network.
func TestLeftoverOfIngress(t *testing.T) {
	for name, c := range map[string]struct {
		nets []fact.EngineNetwork
		gaps int
	}{
		"removed": {nil, 0},
		"unused":  {[]fact.EngineNetwork{{Network: fact.Network{ID: "ingressnet", Name: "ingress", Ingress: true}}}, 0},
		"in use":  {[]fact.EngineNetwork{{Network: fact.Network{ID: "ingressnet", Name: "ingress", Ingress: true}, Instantiated: true}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if err := os.WriteFile(filepath.Join(b.dir, "ingress_sbox"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			req := b.request()
			req.Engine.Networks = append(req.Engine.Networks, c.nets...)
			if k, gaps := Kernel(t.Context(), req); k == nil || len(gaps) != c.gaps || c.gaps > 0 && gaps[0].NetNS != "ingress_sbox" {
				t.Errorf("%+v", gaps)
			}
		})
	}
}

// TestInsideAContainer: without the host's handle, and ourselves in one of the
// engine's namespaces, nothing may be taken for the host.
func TestInsideAContainer(t *testing.T) {
	b := newBench(t)
	os.Remove(filepath.Join(b.dir, "default"))
	if err := os.Symlink("/proc/self/ns/net", filepath.Join(b.dir, "bbbbbbbbbbbb")); err != nil {
		t.Fatal(err)
	}
	k, gaps := Kernel(t.Context(), b.request())
	if k.Host() != nil || k.Named("bbbbbbbbbbbb") == nil || len(gaps) != 1 || gaps[0].NetNS != "host" {
		t.Errorf("host %v, gaps %+v", k.Host(), gaps)
	}
}

func BenchmarkKernel(b *testing.B) {
	bench := newBench(b)
	req := bench.request()
	b.ReportAllocs()
	for b.Loop() {
		if k, gaps := Kernel(b.Context(), req); k == nil || len(gaps) > 0 {
			b.Fatal(gaps)
		}
	}
}

func TestCancelledReadingIsGaps(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if k, gaps := Kernel(ctx, b.request()); k != nil || len(gaps) != 1 || gaps[0].Class != fact.ClassInterrupted {
		t.Errorf("%v %+v", k, gaps)
	}
}

func TestDumpAsksAgain(t *testing.T) {
	asked := 0
	torn := func(times int) func() ([]int, error) {
		asked = 0
		return func() ([]int, error) {
			if asked++; asked <= times {
				return []int{1}, netlink.ErrDumpInterrupted
			}
			return []int{1, 2}, nil
		}
	}
	if rows, err := dump(torn(dumpTries - 1)); err != nil || len(rows) != 2 {
		t.Errorf("%v %v", rows, err)
	}
	if rows, err := dump(torn(100)); !errors.Is(err, errTorn) || len(rows) != 1 || asked != dumpTries {
		t.Errorf("%v %v after %d", rows, err, asked)
	}
	if _, err := dump(func() ([]int, error) { return nil, fs.ErrPermission }); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func TestStepTurnsTroubleIntoGaps(t *testing.T) {
	s := space{req: &KernelRequest{Node: "n1"}, held: fact.NetNS{Name: "x"}}
	s.step(t.Context(), fact.KindFDB, "read FDB", func() error { panic("slice bounds") })
	s.step(t.Context(), fact.KindFDB, "read FDB", func() error { return errTorn })
	s.step(t.Context(), fact.KindFDB, "read FDB", func() error { return nil })
	want := []fact.Class{fact.ClassBug, fact.ClassInterrupted}
	if len(s.gaps) != 2 || s.gaps[0].Class != want[0] || s.gaps[1].Class != want[1] ||
		s.gaps[0].Reason != "read FDB of x: fairway stumbled: slice bounds" {
		t.Errorf("%+v", s.gaps)
	}
}

func TestAddressesThatDoNotFit(t *testing.T) {
	if p := prefixOf(&net.IPNet{IP: net.IP{1, 2, 3}, Mask: net.CIDRMask(8, 32)}); p.IsValid() {
		t.Error(p)
	}
	if p := prefixOf(&net.IPNet{IP: net.IPv4(1, 2, 3, 4), Mask: net.CIDRMask(8, 128)}); p.IsValid() {
		t.Error(p)
	}
	if a := addrOf(net.IPv4zero); a.IsValid() {
		t.Error(a)
	}
	if m := macOf(make(net.HardwareAddr, 20)); !m.IsZero() {
		t.Error(m)
	}
}
