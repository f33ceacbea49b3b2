package collect

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

// captured reads bytes that a lab node of engine 26.1 on Linux 6.18 gave.
func captured(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/kernel/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func values(list []fact.Counter) map[string]uint64 {
	out := make(map[string]uint64)
	for _, c := range list {
		out[c.Name] = c.Before
	}
	return out
}

func wantCounters(t *testing.T, got []fact.Counter, err error, want map[string]uint64) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	have := values(got)
	for name, v := range want {
		if g, ok := have[name]; !ok || g != v {
			t.Errorf("%s = %d (listed: %v), want %d", name, g, ok, v)
		}
	}
}

func TestCounterTables(t *testing.T) {
	rows, err := pairCounters(captured(t, "snmp"))
	wantCounters(t, rows, err, map[string]uint64{"Udp.InDatagrams": snmpWord(t, "Udp:", 1), "Tcp.OutRsts": snmpWord(t, "Tcp:", 14)})
	rows, err = pairCounters(captured(t, "netstat"))
	wantCounters(t, rows, err, map[string]uint64{"TcpExt.ListenOverflows": 0, "IpExt.InNoRoutes": 0})
	rows, err = xfrmStat(captured(t, "xfrm_stat"))
	wantCounters(t, rows, err, map[string]uint64{"XfrmOutNoStates": 0, "XfrmInNoStates": 0})
	rows, err = perCPU("nf_conntrack", captured(t, "nf_conntrack"))
	wantCounters(t, rows, err, map[string]uint64{"nf_conntrack.insert_failed": 0, "nf_conntrack.drop": 0})
	rows, err = perCPU("arp_cache", captured(t, "arp_cache"))
	wantCounters(t, rows, err, map[string]uint64{"arp_cache.table_fulls": 0})
	rows, err = perCPU("arp_cache", []byte("entries table_fulls\n1 0a\n1 03\n"))
	wantCounters(t, rows, err, map[string]uint64{"arp_cache.table_fulls": 13})
	rows, err = softnet([]byte("01 02 03 04\n01 10 00 04\n"))
	wantCounters(t, rows, err, map[string]uint64{"softnet.dropped": 18, "softnet.time_squeeze": 3})
}

// snmpWord picks the nth number of a group straight from the capture.
func snmpWord(t *testing.T, group string, n int) (v uint64) {
	t.Helper()
	rows := 0
	for line := range strings.Lines(string(captured(t, "snmp"))) {
		if f := strings.Fields(line); f[0] == group {
			if rows++; rows == 2 {
				fmt.Sscan(f[n], &v)
			}
		}
	}
	return v
}

func TestTablesThatAreNoTables(t *testing.T) {
	for name, err := range map[string]error{
		"snmp, a number missing": errorOf(pairCounters([]byte("Ip: FragFails FragOKs\nIp: 1\n"))),
		"snmp, no number":        errorOf(pairCounters([]byte("Ip: FragFails\nIp: x\n"))),
		"softnet, short":         errorOf(softnet([]byte("01\n"))),
		"per cpu, ragged":        errorOf(perCPU("x", []byte("a b\n1\n"))),
		"xfrm":                   errorOf(xfrmStat([]byte("hello world\n"))),
	} {
		if !errors.Is(err, errCounters) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := socketTable("tcp", []byte("head\n0: 0:1 x\n")); !errors.Is(err, errSocketRow) {
		t.Errorf("sockets: %v", err)
	}
}

func errorOf[T any](_ T, err error) error { return err }

func TestSocketTable(t *testing.T) {
	var got []string
	for _, f := range []struct{ proto, file string }{{"tcp", "tcp"}, {"tcp", "tcp6"}, {"udp", "udp"}, {"udp", "udp6"}} {
		rows, err := socketTable(f.proto, captured(t, f.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.BacklogKnown || r.V6Only {
				t.Errorf("%v: /proc cannot tell that", r.Local)
			}
			got = append(got, r.Proto+" "+r.Local.String())
		}
	}
	slices.Sort(got)
	want := []string{"tcp 0.0.0.0:8080", "tcp [::]:2377", "tcp [::]:7946", "tcp [::]:8080", "tcp [::]:8098", "tcp [::]:8099",
		"udp 0.0.0.0:4789", "udp [::]:7946"}
	if d := cmp.Diff(want, slices.Compact(got)); d != "" {
		t.Error(d)
	}
	rows, err := socketTable("tcp", []byte("head\n 0: 0100007F:1F90 00000000:0000 0A 00000000:00000081 00:00000000 00000000 1000 0 77 1\n"))
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	if s := rows[0]; s.Queue != 0x81 || s.UID != 1000 || s.Inode != 77 || s.Local.String() != "127.0.0.1:8080" {
		t.Errorf("got %+v", s)
	}
}

func TestParseResolvConf(t *testing.T) {
	addr := netip.MustParseAddr
	for name, c := range map[string]struct {
		text string
		want fact.ResolvConf
	}{
		"engine 26.1": {string(captured(t, "resolv.conf")), fact.ResolvConf{
			Nameservers: []netip.Addr{addr("127.0.0.11")}, Options: []string{"ndots:0"}, Upstream: []netip.Addr{addr("127.0.0.1")}}},
		"the last search counts": {"search a b\ndomain c\noptions x\noptions y z\n", fact.ResolvConf{
			Search: []string{"c"}, Options: []string{"x", "y", "z"}}},
		"what is no address": {"nameserver nine\nnameserver fe80::1%eth0\nnameserver\n", fact.ResolvConf{
			Nameservers: []netip.Addr{addr("fe80::1%eth0")}}},
		"two servers beyond": {"# ExtServers: [host(127.0.0.53) 9.9.9.9]\n", fact.ResolvConf{
			Upstream: []netip.Addr{addr("127.0.0.53"), addr("9.9.9.9")}}},
		"nothing": {"", fact.ResolvConf{}},
	} {
		if d := cmp.Diff(&c.want, parseResolvConf([]byte(c.text)), cmpopts.EquateComparable(netip.Addr{})); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestResolvConfComesFromWhereItCan(t *testing.T) {
	file := t.TempDir() + "/resolv.conf"
	if err := os.WriteFile(file, []byte("nameserver 1.1.1.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	archive := func(context.Context, fact.ContainerID, string) ([]byte, error) {
		return []byte("nameserver 2.2.2.2\n"), nil
	}
	refuse := func(context.Context, fact.ContainerID, string) ([]byte, error) { return nil, fs.ErrPermission }
	for name, c := range map[string]struct {
		path    string
		mounted bool
		archive func(context.Context, fact.ContainerID, string) ([]byte, error)
		source  string
	}{
		"the file":                 {file, false, archive, "file"},
		"something mounted over":   {file, true, archive, "archive"},
		"the file is out of reach": {file + "x", false, archive, "archive"},
		"nobody can tell":          {file + "x", false, refuse, ""},
		"nobody to ask":            {file + "x", false, nil, ""},
	} {
		req := KernelRequest{Node: "n1", Archive: c.archive, Resolv: []fact.ContainerID{"c"}, Engine: &fact.Engine{
			Containers: []fact.Container{{ID: "c", ResolvConfPath: c.path, ResolvConfMount: c.mounted}}}}
		k := &fact.Kernel{Namespaces: []fact.NetNS{{Name: "x", Containers: []fact.ContainerID{"c"}}}}
		gaps := req.resolvConfs(t.Context(), k)
		switch conf := k.Namespaces[0].Resolv; {
		case c.source == "" && (conf != nil || len(gaps) != 1 || gaps[0].NetNS != "x" || gaps[0].Kind != fact.KindResolv):
			t.Errorf("%s: %v, %v; want a gap", name, conf, gaps)
		case c.source != "" && (conf == nil || conf.Source != c.source || len(gaps) != 0):
			t.Errorf("%s: %+v, %v", name, conf, gaps)
		}
	}
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.Bytes()
}

func TestFeatures(t *testing.T) {
	const lib = "lib/modules/6.1/"
	files := func(names ...string) fstest.MapFS {
		m := fstest.MapFS{}
		for _, n := range names {
			name, text, _ := strings.Cut(n, "=")
			m[name] = &fstest.MapFile{Data: []byte(text)}
		}
		return m
	}
	config := fstest.MapFS{"proc/config.gz": {Data: gzipped("CONFIG_VXLAN=y\nCONFIG_IP_VS=m\n# CONFIG_VETH is not set\n")}}
	for name, c := range map[string]struct {
		root fs.FS
		want string // vxlan and ip_vs: present, loadable, absent or unknown
	}{
		"nothing to see":       {files(), "unknown absent"},
		"loaded":               {files("sys/module/vxlan/x", "proc/net/ip_vs"), "present present"},
		"built in":             {files(lib + "modules.builtin=kernel/drivers/net/vxlan/vxlan.ko\n"), "present absent"},
		"a module file":        {files(lib+"modules.builtin=", lib+"modules.dep=a/vxlan.ko.xz: b\nk/ip_vs.ko: c\n"), "loadable loadable"},
		"neither":              {files(lib+"modules.builtin=a/b.ko", lib+"modules.dep=k/ip_vs_rr.ko: c\n"), "absent absent"},
		"only a configuration": {config, "present absent"},
	} {
		var got []string
		list := features(c.root, readModules(c.root, "6.1"))
		k := &fact.Kernel{Features: list}
		for _, name := range []string{"vxlan", "ip_vs"} {
			switch f := k.Feature(name); {
			case f == nil:
				got = append(got, "unknown")
			case f.Present:
				got = append(got, "present")
			case f.Loadable:
				got = append(got, "loadable")
			default:
				got = append(got, "absent")
			}
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: %s, want %s", name, g, c.want)
		}
	}
}

func TestDiagnosisIsAskedOnlyWhereItIs(t *testing.T) {
	symbols := &fstest.MapFile{Data: []byte("0 t inet_diag_handler_cmd\n0 t tcp_diag_dump\t[tcp_diag]\n0 t foo\n")}
	for name, c := range map[string]struct {
		root fstest.MapFS
		want diagGate
	}{
		"nobody can tell": {fstest.MapFS{}, diagGate{}},
		"symbols":         {fstest.MapFS{"proc/kallsyms": symbols}, diagGate{tcp: true}},
		"modules loaded": {fstest.MapFS{"sys/module/inet_diag/x": {}, "sys/module/tcp_diag/x": {}, "sys/module/udp_diag/x": {}},
			diagGate{tcp: true, udp: true}},
		"one of two":   {fstest.MapFS{"sys/module/tcp_diag/x": {}, "lib/modules/6.1/modules.builtin": {}}, diagGate{}},
		"not built in": {fstest.MapFS{"lib/modules/6.1/modules.builtin": {}, "proc/kallsyms": symbols}, diagGate{}},
		"configuration": {fstest.MapFS{"proc/config.gz": {Data: gzipped("CONFIG_INET_DIAG=y\nCONFIG_INET_UDP_DIAG=y\nCONFIG_INET_TCP_DIAG=m\n")}},
			diagGate{udp: true}},
	} {
		if got := readModules(c.root, "6.1").diagnosis(); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestRulesAreAskedForOnlyWhereTheyAre(t *testing.T) {
	symbols := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, c := range map[string]struct {
		root           fstest.MapFS
		present, known bool
	}{
		"nobody can tell": {fstest.MapFS{}, false, false},
		"built in":        {fstest.MapFS{"proc/kallsyms": symbols("0 t foo\n0 T nft_do_chain\n")}, true, true},
		"no such symbol":  {fstest.MapFS{"proc/kallsyms": symbols("0 t foo\n")}, false, true},
		"a module":        {fstest.MapFS{"sys/module/nf_tables/x": {}}, true, true},
		"not loaded":      {fstest.MapFS{"lib/modules/6.1/modules.builtin": {}}, false, true},
	} {
		if present, known := readModules(c.root, "6.1").nfTables(); present != c.present || known != c.known {
			t.Errorf("%s: present %v, known %v", name, present, known)
		}
	}
}

func TestBootTime(t *testing.T) {
	got, ok := bootTime(captured(t, "stat"))
	if want := time.Unix(1795408446, 0); !ok || !got.Equal(want) {
		t.Errorf("got %v %v", got, ok)
	}
	if _, ok := bootTime([]byte("cpu 1 2\nbtime x\n")); ok {
		t.Error("x is no time")
	}
}

func TestRoles(t *testing.T) {
	const app, ing = "v7tj5kyongjbwrs03gfpbw4gv", "8utg9t1pj9ikvulayzefbduul"
	req := KernelRequest{Engine: &fact.Engine{
		Containers: []fact.Container{
			{ID: "aa", Name: "one", SandboxKey: "/var/run/docker/netns/d572e0a68b4e"},
			{ID: "bb", NetworkMode: "container:aa"},
			{ID: "cc", NetworkMode: "container:one"},
			{ID: "dd", NetworkMode: "host", SandboxKey: "/var/run/docker/netns/default"},
		},
		Networks: []fact.EngineNetwork{{Network: fact.Network{ID: app}}, {Network: fact.Network{ID: ing, Ingress: true}}},
	}}
	for name, want := range map[string]string{
		"1-v7tj5kyong": "overlay " + app, "27-v7tj5kyon": "overlay " + app, "1-8utg9t1pj9": "overlay " + ing,
		"lb_v7tj5kyon": "lb " + app, "ingress_sbox": "ingress " + ing, "d572e0a68b4e": "container ",
		"1-28tnfr7a8v": "other ", "x-v7tj5kyong": "other ", "lb_28tnfr7a8": "other ", "0123456789ab": "other ", "1-": "other ", "": "other ",
	} {
		role, net := req.role(name)
		if got := string(role) + " " + string(net); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if d := cmp.Diff([]fact.ContainerID{"aa", "bb", "cc"}, req.inside("d572e0a68b4e")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]fact.ContainerID{"dd"}, req.inside("default")); d != "" {
		t.Error(d)
	}
}

func TestDir(t *testing.T) {
	req := KernelRequest{Engine: &fact.Engine{}}
	if got := req.dir(); got != "/var/run/docker/netns" {
		t.Error(got)
	}
	req.Engine.Containers = []fact.Container{{}, {SandboxKey: "/run/other/netns/abc"}}
	if got := req.dir(); got != "/run/other/netns" {
		t.Error(got)
	}
	req.NetnsDir = "/netns"
	if got := req.handleOf(&req.Engine.Containers[1]); got != "/netns/abc" {
		t.Error(got)
	}
}

func TestClassOf(t *testing.T) {
	for err, want := range map[error]fact.Class{
		syscall.EPERM: fact.ClassPermission, syscall.EACCES: fact.ClassPermission, syscall.ENOENT: fact.ClassNotExist,
		syscall.EOPNOTSUPP: fact.ClassUnsupported, syscall.EAFNOSUPPORT: fact.ClassUnsupported,
		syscall.EAGAIN: fact.ClassTimeout, context.DeadlineExceeded: fact.ClassTimeout, context.Canceled: fact.ClassInterrupted,
		errTorn: fact.ClassInterrupted, errStumbled: fact.ClassBug, netns.ErrNotNamespace: fact.ClassNotExist,
		errSocketRow: fact.ClassGarbled,
	} {
		if got := classOf(fmt.Errorf("read x: %w", err)); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

func FuzzCounterTables(f *testing.F) {
	for _, name := range []string{"snmp", "netstat", "softnet_stat", "xfrm_stat", "nf_conntrack", "arp_cache"} {
		f.Add(captured(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, read := range []func([]byte) ([]fact.Counter, error){pairCounters, softnet, xfrmStat,
			func(b []byte) ([]fact.Counter, error) { return perCPU("arp_cache", b) }} {
			if rows, _ := read(b); len(rows) > len(b)+2 {
				t.Errorf("%d rows out of %d bytes", len(rows), len(b))
			}
		}
		bootTime(b)
	})
}

func FuzzSocketTable(f *testing.F) {
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		f.Add(captured(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, proto := range []string{"tcp", "udp"} {
			rows, _ := socketTable(proto, b)
			for _, r := range rows {
				if !r.Local.IsValid() || r.Local.Port() == 0 {
					t.Errorf("a socket nowhere: %+v", r)
				}
			}
		}
	})
}

func FuzzResolvConf(f *testing.F) {
	f.Add(captured(f, "resolv.conf"))
	f.Add([]byte("search a b\noptions x\n# ExtServers: [host(127.0.0.53) 9.9.9.9]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, a := range parseResolvConf(b).Nameservers {
			if !a.IsValid() {
				t.Error("an invalid name server")
			}
		}
	})
}

func FuzzKernelConfig(f *testing.F) {
	f.Add(gzipped("CONFIG_VXLAN=y\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		kernelConfig(bytes.NewReader(b))
		findSymbols(bytes.NewReader(b), map[string]bool{})
		listed(b, "ip_vs")
	})
}
