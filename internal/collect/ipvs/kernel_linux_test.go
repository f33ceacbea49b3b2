package ipvs

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"fairway/lab"
)

// TestMain lets the test binary serve as the part of the lab that boots a kernel
// with IPVS.
func TestMain(m *testing.M) {
	lab.MaybeChild()
	os.Exit(m.Run())
}

// inOwnNamespace moves the test to a namespace of its own, on a thread that dies
// with it. ipvsadm must be there to compare with.
func inOwnNamespace(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ipvsadm"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("REQUIRE"), ","), "ipvsadm") {
			t.Fatal("missing feature: ipvsadm")
		}
		t.Skip("missing feature: ipvsadm")
	}
	runtime.LockOSThread() // and never unlock it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	run(t, "", "ip", "link", "set", "lo", "up")
}

func run(t *testing.T, in, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

// recorder notes what is asked and answered, for testdata.
type recorder struct {
	*netlink.Conn
	tape bytes.Buffer
}

func (r *recorder) Execute(q netlink.Message) ([]netlink.Message, error) {
	list, err := r.Conn.Execute(q)
	for i, m := range append([]netlink.Message{q}, list...) {
		if i > 0 {
			m.Header.Flags &^= netlink.Request
		}
		m.Header.Length = uint32(unix.NLMSG_HDRLEN + (len(m.Data)+3)&^3)
		m.Data = append(m.Data, make([]byte, (4-len(m.Data)%4)%4)...)
		b, err := m.MarshalBinary()
		if err != nil {
			return nil, err
		}
		r.tape.Write(b)
	}
	return list, err
}

// TestAgainstIpvsadm has ipvsadm make what testdata/services.txt says and reads
// it by netlink; ipvsadm and /proc/net/ip_vs must say the same. With RECORD set
// to a path the conversation is written there.
func TestAgainstIpvsadm(t *testing.T) {
	if lab.RunInUML(t, "ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_wlc") {
		return
	}
	inOwnNamespace(t)
	text, err := os.ReadFile("testdata/services.txt")
	if err != nil {
		t.Fatal(err)
	}
	run(t, string(text), "ipvsadm", "-R")
	connect(t)
	c, err := Dial(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := &recorder{Conn: c}
	family, err := Family(r)
	if err != nil || family == 0 {
		t.Fatalf("family %d, %v", family, err)
	}
	v, err := Read(r, family)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sorted(run(t, "", "ipvsadm", "-Sn")), sorted(saved(v))); d != "" {
		t.Errorf("ipvsadm -Sn: %s", d)
	}
	if d := cmp.Diff(countsByTool(t), counts(v)); d != "" {
		t.Errorf("ipvsadm -Ln --stats: %s", d)
	}
	want := fmt.Sprintf("Timeout (tcp tcpfin udp): %.0f %.0f %.0f\n", v.TCPTimeout.Seconds(), v.TCPFinTimeout.Seconds(), v.UDPTimeout.Seconds())
	if got := run(t, "", "ipvsadm", "-L", "--timeout"); got != want {
		t.Errorf("ipvsadm --timeout says %q, we %q", got, want)
	}
	proc, err := os.ReadFile("/proc/thread-self/net/ip_vs")
	if err != nil || !strings.HasPrefix(string(proc), "IP Virtual Server version "+v.Version+" ") {
		t.Errorf("version %s, and /proc/net/ip_vs says %.40s, %v", v.Version, proc, err)
	}
	if got, want := strings.Count(saved(v), "-r "), strings.Count(string(proc), "\n  -> ")-1; got != want {
		t.Errorf("%d backends, /proc/net/ip_vs has %d", got, want)
	}
	if path := os.Getenv("RECORD"); path != "" {
		if err := os.WriteFile(path, r.tape.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// connect makes one connection through the service at 127.0.0.2:7777, so that
// something is counted.
func connect(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:7777")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 2}, Port: 7777}); err != nil {
		t.Fatal(err)
	}
}

var (
	statRow = regexp.MustCompile(`(?m)^  -> (\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+\d+\s+\d+$`)
	connRow = regexp.MustCompile(`(?m)^  -> (\S+)\s+\S+\s+(\d+)\s+(\d+)\s+(\d+)\s*$`)
)

func countsByTool(t *testing.T) []string {
	t.Helper()
	stat := statRow.FindAllStringSubmatch(run(t, "", "ipvsadm", "-Ln", "--stats", "--exact"), -1)
	conn := connRow.FindAllStringSubmatch(run(t, "", "ipvsadm", "-Ln"), -1)
	if len(stat) != len(conn) {
		t.Fatalf("ipvsadm tells the numbers of %d backends and the connections of %d", len(stat), len(conn))
	}
	var out []string
	for i := range stat {
		s, c := stat[i], conn[i]
		out = append(out, fmt.Sprintf("%s %s %s %s, %s active %s inactive, weight %s", s[1], s[2], s[3], s[4], c[3], c[4], c[2]))
	}
	slices.Sort(out)
	return out
}
