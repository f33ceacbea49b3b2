package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
	"fairway/internal/netns"
)

// plain makes sockets in the test's own namespace.
type plain struct{}

func (plain) Socket(domain, typ, proto int) (int, error) { return unix.Socket(domain, typ, proto) }

// socketFunc lets a test decide what each socket is.
type socketFunc func(domain, typ, proto int) (int, error)

func (f socketFunc) Socket(domain, typ, proto int) (int, error) { return f(domain, typ, proto) }

// from returns a prober whose every source uses in.
func from(in Sockets) *Prober {
	return &Prober{Enter: func(fact.Source) (Sockets, error) { return in, nil }, Budget: NewBudget(PerPair)}
}

// missing skips the test, or fails it where the job promises the feature.
func missing(t testing.TB, feature, why string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("REQUIRE"), ","), feature) {
		t.Fatalf("missing feature: %s (%s)", feature, why)
	}
	t.Skipf("missing feature: %s (%s)", feature, why)
}

// fresh makes a namespace with its loopback up.
func fresh(t testing.TB) *netns.NS {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		missing(t, "iproute2", err.Error())
	}
	type result struct {
		ns  *netns.NS
		err error
	}
	made := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread dies with its namespace
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- result{nil, err}
			return
		}
		ns, err := netns.Self()
		made <- result{ns, err}
	}()
	r := <-made
	if errors.Is(r.err, os.ErrPermission) {
		missing(t, "root", r.err.Error())
	}
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Cleanup(func() { r.ns.Close() })
	ip(t, r.ns, "link set lo up")
	return r.ns
}

// ip runs iproute2 commands inside ns.
func ip(t testing.TB, ns *netns.NS, lines ...string) {
	t.Helper()
	err := ns.Do(func() error {
		for _, line := range lines {
			if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
				return fmt.Errorf("ip %s: %w: %s", line, err, out)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sysctl sets one value inside ns.
func sysctl(t testing.TB, ns *netns.NS, name, value string) {
	t.Helper()
	path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	if err := ns.Do(func() error { return os.WriteFile(path, []byte(value), 0) }); err != nil {
		t.Fatal(err)
	}
}

// wire joins a and b by a veth pair: link name and address in each.
func wire(t testing.TB, a *netns.NS, linkA, addrA string, b *netns.NS, linkB, addrB string) {
	t.Helper()
	handle, err := os.Create(t.TempDir() + "/ns")
	if err != nil {
		t.Fatal(err)
	}
	handle.Close()
	bind := func() error { return unix.Mount("/proc/thread-self/ns/net", handle.Name(), "", unix.MS_BIND, "") }
	if err := b.Do(bind); err != nil {
		t.Fatal(err)
	}
	ip(t, a, "link add "+linkA+" type veth peer name "+linkB+" netns "+handle.Name(),
		"addr add "+addrA+" dev "+linkA, "link set "+linkA+" up")
	if err := unix.Unmount(handle.Name(), unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	ip(t, b, "addr add "+addrB+" dev "+linkB, "link set "+linkB+" up")
	carrier(t, a, linkA)
	carrier(t, b, linkB)
}

// carrier waits until a link really sends: the kernel turns it on a little
// after both ends are up, and drops until then, the first ARP request too.
func carrier(t testing.TB, ns *netns.NS, link string) {
	t.Helper()
	for range 500 {
		var out []byte
		err := ns.Do(func() (err error) {
			out, err = exec.Command("ip", "-o", "link", "show", "dev", link).CombinedOutput()
			return err
		})
		if err != nil {
			t.Fatalf("ip link show %s: %v: %s", link, err, out)
		}
		if strings.Contains(string(out), "state UP") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("link %s has no carrier", link)
}

// street is client (10.9.1.2) — router (10.9.1.1, 10.9.2.1) — server (10.9.2.2).
type street struct{ client, router, server *netns.NS }

func newStreet(t testing.TB) street {
	s := street{fresh(t), fresh(t), fresh(t)}
	wire(t, s.client, "c0", "10.9.1.2/24", s.router, "r1", "10.9.1.1/24")
	wire(t, s.router, "r2", "10.9.2.1/24", s.server, "s0", "10.9.2.2/24")
	sysctl(t, s.router, "net.ipv4.ip_forward", "1")
	ip(t, s.client, "route add default via 10.9.1.1")
	ip(t, s.server, "route add default via 10.9.2.1")
	return s
}

// listen opens a TCP listener in ns and returns its port; it accepts nobody.
func listen(t testing.TB, in Sockets, addr netip.Addr, backlog int) netip.AddrPort {
	t.Helper()
	domain, to, err := sockaddr(netip.AddrPortFrom(addr, 0))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := in.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, to), unix.Listen(fd, backlog)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return addrPort(name)
}
