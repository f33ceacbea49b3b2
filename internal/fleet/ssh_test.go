package fleet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fairway/internal/fact"
)

// still answers every request; watches take as long as they are told.
type still struct{}

func (still) Hello(context.Context) (*Hello, error) {
	return &Hello{Protocol: Protocol, Name: "n2"}, nil
}
func (still) Look(context.Context, LookRequest) (*LookAnswer, error) {
	return &LookAnswer{Node: fact.Node{ID: "n2id", Name: "n2"}}, nil
}
func (still) Probe(context.Context, ProbeRequest) (*ProbeAnswer, error) { return &ProbeAnswer{}, nil }
func (still) Logs(context.Context, LogRequest) (*LogAnswer, error)      { return &LogAnswer{}, nil }
func (still) Watch(ctx context.Context, r WatchRequest) (*WatchAnswer, error) {
	select {
	case <-time.After(r.For):
	case <-ctx.Done():
	}
	return &WatchAnswer{}, nil
}
func (still) Close() error { return nil }

// one is a listener with a single connection.
type one struct{ c chan net.Conn }

func (o one) Accept() (net.Conn, error) {
	c, ok := <-o.c
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (o one) Close() error   { return nil }
func (o one) Addr() net.Addr { return sshAddr{} }

// A watch and a probe share one connection: neither waits for the other.
func TestOneConnectionForTwoRequests(t *testing.T) {
	near, far := net.Pipe()
	l := one{make(chan net.Conn, 1)}
	l.c <- far
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, still{}, Limits{}) }()
	n := dialOne("n2", near)
	watched := make(chan error, 1)
	go func() {
		_, err := n.Watch(ctx, WatchRequest{For: 10 * time.Second})
		watched <- err
	}()
	for range 3 {
		a, err := n.Look(ctx, LookRequest{})
		if err != nil || a.Node.Name != "n2" {
			t.Fatalf("look: %+v, %v", a, err)
		}
	}
	select {
	case err := <-watched:
		t.Fatalf("the watch ended first: %v", err)
	default:
	}
	cancel()
	<-watched
	n.Close()
	close(l.c)
	<-done
}

// client makes a stand-in for the ssh client: a shell script that gets ssh's
// arguments and runs the far end here.
func client(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ssh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// last runs ssh's last argument, as a far shell would.
const last = `for a; do :; done; exec sh -c "$a"`

func TestSSHRefusesTargetsThatAreOptions(t *testing.T) {
	for _, target := range []string{"", "-oProxyCommand=x", "a b", "a;b", "$(x)"} {
		s := &SSH{Target: target}
		if _, err := s.Node(t.Context(), "n2", netip.MustParseAddr("10.0.0.2")); err == nil {
			t.Errorf("target %q was accepted", target)
		}
	}
}

func TestSSHSaysWhatIsWrong(t *testing.T) {
	addr := netip.MustParseAddr("10.77.0.12")
	for name, c := range map[string]struct{ script, says string }{
		"no key":       {"echo 'ops@10.77.0.12: Permission denied (publickey).' >&2; exit 255", "Permission denied (publickey)"},
		"other arch":   {"cat >/dev/null; echo \"riscv64 00 /tmp/fairway.none\"", "that machine is riscv64"},
		"torn copy":    {"cat >/dev/null; echo \"m68k 00 /tmp/fairway.none\"", "not the one that was sent"},
		"silence":      {"exec sleep 60", "no answer within 50ms"},
		"strange word": {"cat >/dev/null; echo hello", "it answers \"hello\""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &SSH{Target: "ops@{addr}", Client: client(t, c.script), Program: []byte("x"), Arch: "m68k"}
			if name == "silence" {
				s.Patience = 50 * time.Millisecond
			}
			_, err := s.Node(t.Context(), "n2", addr)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "n2") {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}

// The file is private while it is there and gone afterwards, however it ends.
func TestSSHLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	program := []byte("#!/bin/sh\nls -l \"$0\" >" + filepath.Join(dir, "seen") + "\ncat >/dev/null\n")
	s := &SSH{Target: "ops@{addr}", Client: client(t, last), Program: program, Arch: arch(t)}
	n, err := s.Node(t.Context(), "n2", netip.MustParseAddr("10.77.0.12"))
	if err != nil {
		t.Fatal(err)
	}
	if n.Close() != nil {
		t.Error("close")
	}
	seen, err := os.ReadFile(filepath.Join(dir, "seen"))
	if err != nil || !strings.HasPrefix(string(seen), "-rwx------") {
		t.Errorf("the program was %q (%v), want mode 0700", seen, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "fairway.*")); len(left) != 0 {
		t.Errorf("left there: %v", left)
	}
}

func arch(t *testing.T) string {
	t.Helper()
	s := &SSH{Client: client(t, last)}
	out, err := s.command(t.Context(), "x", "uname -m").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
