package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/collect/nft"
	"fairway/internal/fact"
	"fairway/internal/netns"
	"fairway/internal/probe"
)

// asChild says in the environment that the test binary is the child below.
const asChild = "FAIRWAY_TEST_PRIVILEGES"

// someLog names a file that is not the child's own.
const someLog = "FAIRWAY_TEST_LOG"

// TestPrivileges holds docs/security.md to what is true: with the capabilities
// listed there everything works, and without each of them just what is listed
// there does not.
func TestPrivileges(t *testing.T) {
	if os.Geteuid() != 0 {
		missingRoot(t)
	}
	if _, err := filters(); err != nil {
		missing(t, "nf_tables", err)
	}
	needed := []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_ADMIN, unix.CAP_DAC_READ_SEARCH}
	t.Setenv(someLog, strangersLog(t))
	for _, c := range []struct {
		name    string
		without uintptr
		want    string
	}{
		{"with all", 0, "enter=true count=true echo=true datagram=true connect=true rules=true tables=true log=true"},
		{"without SYS_ADMIN", unix.CAP_SYS_ADMIN, "enter=false count=true echo=true datagram=true connect=true rules=true"},
		{"without NET_RAW", unix.CAP_NET_RAW, "enter=true count=false echo=false datagram=true connect=true rules=true tables=true"},
		{"without NET_ADMIN", unix.CAP_NET_ADMIN, "enter=true count=true echo=true datagram=true connect=true rules=false tables=false log=true"},
		{"without DAC_READ_SEARCH", unix.CAP_DAC_READ_SEARCH, "enter=true count=true echo=true datagram=true connect=true rules=true tables=true log=false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			keep := slices.DeleteFunc(slices.Clone(needed), func(n uintptr) bool { return n == c.without && c.without != 0 })
			out, err := confined(t, keep)
			if err != nil || !strings.Contains(out, c.want) {
				t.Errorf("%v, want %q in:\n%s", err, c.want, out)
			}
		})
	}
}

// strangersLog is a log that belongs to somebody else, as syslog's do.
func strangersLog(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "syslog")
	err := os.WriteFile(path, []byte("x\n"), 0o640)
	if err == nil {
		err = os.Chown(path, 104, 4)
	}
	for ; err == nil && strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		err = os.Chmod(dir, 0o755) // only the file is closed
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func missingRoot(t *testing.T) { missing(t, "root", nil) }

func missing(t *testing.T, feature string, err error) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("REQUIRE"), ","), feature) {
		t.Fatalf("missing feature: %s (%v)", feature, err)
	}
	t.Skipf("missing feature: %s (%v)", feature, err)
}

// filters reads the packet filter of the process's own namespace.
func filters() (*nft.Ruleset, error) {
	c, err := nft.Dial(5 * time.Second)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return nft.Read(c, nil)
}

// legacyTable asks for the size of a table of iptables-legacy, as reading it
// begins (IPT_SO_GET_INFO); the table need not be there.
func legacyTable() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.GetsockoptString(fd, unix.IPPROTO_IP, 64)
	return err
}

// confined runs the child with these capabilities and a new namespace as its
// fourth file.
func confined(t *testing.T, keep []uintptr) (out string, err error) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread dies with what it lost
		home, e := os.Open("/proc/thread-self/ns/net")
		if err = e; err != nil {
			return
		}
		defer home.Close()
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return
		}
		handle, e := os.Open("/proc/thread-self/ns/net")
		if err = e; err != nil {
			return
		}
		defer handle.Close()
		if err = unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
			if !slices.Contains(keep, c) {
				_ = unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0) // this kernel may not have it
			}
		}
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestPrivilegesChild$", "-test.v")
		cmd.Env = append(os.Environ(), asChild+"=1")
		cmd.ExtraFiles = []*os.File{handle}
		b, e := cmd.CombinedOutput()
		out, err = string(b), e
	}()
	<-done
	return out, err
}

// TestPrivilegesChild does once what an agent does, and prints what worked.
func TestPrivilegesChild(t *testing.T) {
	if os.Getenv(asChild) == "" {
		return // it is a part of TestPrivileges, which starts it
	}
	refused := func(err error) bool { return errors.Is(err, fs.ErrPermission) }
	other, err := netns.Open("/proc/self/fd/3")
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	enter := !refused(err)
	_, err = probe.Count(context.Background(), plainSockets{}, time.Millisecond, 0, fact.Flow{Port: 7946})
	count := !refused(err)
	p := &probe.Prober{Budget: probe.NewBudget(1), Enter: func(fact.Source) (probe.Sockets, error) { return plainSockets{}, nil }}
	here := netip.MustParseAddr("127.0.0.1")
	echo := p.MTU(t.Context(), []fact.MTUProbe{{Target: here, MTU: 1500}})[0]
	gram := p.DataPath(t.Context(), []fact.DataPathProbe{{Target: netip.AddrPortFrom(here, 4789), VNI: 99, Size: 600}})[0]
	connect := p.TCP(t.Context(), []fact.TCPProbe{{Target: netip.AddrPortFrom(here, 1)}})[0]
	_, rules := filters()
	_, log := os.ReadFile(os.Getenv(someLog))
	fmt.Printf("enter=%t count=%t echo=%t datagram=%t connect=%t rules=%t tables=%t log=%t (%s, %s, %s, %v)\n", enter, count,
		!strings.Contains(echo.Err, "not permitted"), gram.Sent > 0, connect.Outcome == fact.Refused, !refused(rules), !refused(legacyTable()), !refused(log),
		echo.Err, gram.Err, connect.Err, rules)
}

// plainSockets makes sockets in the process's own namespace, which needs no
// SYS_ADMIN.
type plainSockets struct{}

func (plainSockets) Socket(domain, typ, proto int) (int, error) {
	return unix.Socket(domain, typ, proto)
}
