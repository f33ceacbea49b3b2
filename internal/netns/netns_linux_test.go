package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fresh makes a namespace of the test's own and opens it.
func fresh(t *testing.T) *NS {
	t.Helper()
	type result struct {
		fd  int
		err error
	}
	made := make(chan result)
	onOtherThread(func() {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- result{err: err}
			return
		}
		fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		made <- result{fd, err}
	})
	r := <-made
	if r.err != nil {
		if errors.Is(r.err, fs.ErrPermission) && !strings.Contains(os.Getenv("REQUIRE"), "root") {
			t.Skip("missing feature: root (to make a network namespace)")
		}
		t.Fatal(r.err)
	}
	n, err := Open(fmt.Sprintf("/proc/self/fd/%d", r.fd))
	unix.Close(r.fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func inodeAt(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatalf("stat %s: %v", path, err)
	}
	return st.Ino
}

// strays counts the threads of this process that are not in its namespace.
func strays(home uint64) int {
	paths, _ := filepath.Glob("/proc/self/task/*/ns/net")
	n := 0
	for _, p := range paths {
		var st unix.Stat_t
		if unix.Stat(p, &st) == nil && st.Ino != home {
			n++
		}
	}
	return n
}

func noStrays(t *testing.T, home uint64) {
	t.Helper()
	for range 200 {
		if strays(home) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d threads stayed in a wrong namespace", strays(home))
}

func TestDoLeavesNoThreadBehind(t *testing.T) {
	home := inodeAt(t, "/proc/thread-self/ns/net")
	n := fresh(t)
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			err := n.Do(func() error {
				if unix.Gettid() == unix.Getpid() {
					return errors.New("ran on the first thread")
				}
				var st unix.Stat_t
				if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil || st.Ino != n.Inode() {
					return fmt.Errorf("inside: inode %d, %v; want %d", st.Ino, err, n.Inode())
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := inodeAt(t, "/proc/self/ns/net"); got != home {
		t.Errorf("the first thread is in namespace %d, want %d", got, home)
	}
	noStrays(t, home)
}

// TestDoFromTheFirstThread calls one by one: without the rule about the first
// thread the very first calls land there and this fails every time.
func TestDoFromTheFirstThread(t *testing.T) {
	home := inodeAt(t, "/proc/thread-self/ns/net")
	n := fresh(t)
	for range 50 {
		if err := n.Do(func() error { runtime.Gosched(); return nil }); err != nil {
			t.Fatal(err)
		}
		if got := inodeAt(t, "/proc/self/ns/net"); got != home {
			t.Fatalf("the first thread moved to %d", got)
		}
	}
	noStrays(t, home)
}

// siocgskns asks for a handle of the namespace a socket lives in (Linux 3.14).
const siocgskns = 0x894c

func TestSocketsStayWhereTheyWereBorn(t *testing.T) {
	home := inodeAt(t, "/proc/thread-self/ns/net")
	a, b := fresh(t), fresh(t)
	for range 20 {
		for _, n := range []*NS{a, b} {
			fd, err := n.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			ns, err := unix.IoctlRetInt(fd, siocgskns)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := identify(ns); err != nil || got != n.Inode() {
				t.Errorf("socket lives in %d (%v), want %d", got, err, n.Inode())
			}
			unix.Close(ns)
			unix.Close(fd)
		}
	}
	a.Close()
	b.Close()
	noStrays(t, home)
	if _, err := a.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("socket of a closed namespace: %v", err)
	}
	if err := a.Do(func() error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("do in a closed namespace: %v", err)
	}
}

func TestSocketsFromManyGoroutinesWhileClosing(t *testing.T) {
	n := fresh(t)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			if i == 32 {
				n.Close()
			}
			fd, err := n.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
			if err == nil {
				unix.Close(fd)
			} else if !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestDoPassesOnErrorsAndPanics(t *testing.T) {
	n := fresh(t)
	want := errors.New("x")
	if err := n.Do(func() error { return want }); err != want {
		t.Errorf("got %v", err)
	}
	if err := n.Do(func() error { runtime.Goexit(); return nil }); err != errLeft {
		t.Errorf("goexit: %v", err)
	}
	defer func() {
		if r := recover(); r != "boom" {
			t.Errorf("recovered %v, want boom", r)
		}
	}()
	n.Do(func() error { panic("boom") })
}

func TestOpenTellsWhatIsNoNamespace(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "1-abcdef0123")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		plain:                      ErrNotNamespace,
		"/proc/thread-self/ns/mnt": ErrNotNamespace,
		plain + "-gone":            fs.ErrNotExist,
	} {
		if _, err := Open(path); !errors.Is(err, want) {
			t.Errorf("open %s: %v, want %v", path, err, want)
		}
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	if self.Inode() != inodeAt(t, "/proc/thread-self/ns/net") {
		t.Error("self is somebody else")
	}
}

func BenchmarkDo(b *testing.B) {
	n, err := Self()
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	for b.Loop() {
		if err := n.Do(func() error { return nil }); err != nil {
			b.Skip("missing feature: root (to enter a namespace)")
		}
	}
}
