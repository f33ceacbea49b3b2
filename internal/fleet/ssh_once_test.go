package fleet

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSSHRunsTheProgramOnce(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := &SSH{Target: "ops@{addr}", Client: client(t, last), Arch: arch(t),
		Program: []byte("#!/bin/sh\necho \"$@\" >" + filepath.Join(dir, "args") + "\n[ $2 != fail ] || { echo 'first' >&2; echo 'fairway: no engine' >&2; exit 1; }\n")}
	addr := netip.MustParseAddr("10.77.0.12")
	if err := s.Once(t.Context(), "n2", addr, "image", "--load", "--reference", "127.0.0.1:1/fairway:v1-0"); err != nil {
		t.Fatal(err)
	}
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	if err != nil || string(args) != "image --load --reference 127.0.0.1:1/fairway:v1-0\n" {
		t.Errorf("it got %q (%v)", args, err)
	}
	if err := s.Once(t.Context(), "n2", addr, "image", "fail"); err == nil || !strings.HasSuffix(err.Error(), "fairway: no engine") {
		t.Errorf("got %v, want its last line", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "fairway.*")); len(left) != 0 {
		t.Errorf("left there: %v", left)
	}
	for _, bad := range []string{"", "a b", "$(x)", "*", "a;b", "\n"} {
		if err := s.Once(t.Context(), "n2", addr, bad); err == nil || !strings.Contains(err.Error(), "quoted") {
			t.Errorf("argument %q: got %v", bad, err)
		}
	}
}

// TestSSHStoppedHalfWayLeavesNothing: the operator's Ctrl-C ends the ssh client at
// any moment, and the far shell may not even have begun.
func TestSSHStoppedHalfWayLeavesNothing(t *testing.T) {
	const far = `for a; do :; done; case $a in `
	for name, script := range map[string]string{
		"while it copies":       far + `set*) sh -c "$a" | true; exit 255;; esac; exec sh -c "$a"`,
		"when it is stored":     far + `set*) sh -c "$a"; exit 255;; esac; exec sh -c "$a"`,
		"before it is executed": far + `trap*) sleep 60;; esac; exec sh -c "$a"`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			s := &SSH{Target: "ops@{addr}", Client: client(t, script), Arch: arch(t), Program: []byte("#!/bin/sh\n")}
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			if err := s.Once(ctx, "n2", netip.MustParseAddr("10.77.0.12"), "image"); err == nil {
				t.Error("no error")
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "fairway.*")); len(left) != 0 {
				t.Errorf("left there: %v", left)
			}
		})
	}
}

func TestSSHAsksWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := &SSH{Target: "ops@{addr}", Client: client(t, last)}
	addr := netip.MustParseAddr("10.77.0.12")
	for args, want := range map[string]bool{"test -d " + dir: true, "test -f " + dir: false, "no-such-program": false, "true ;": false} {
		if got := s.Tells(t.Context(), "n2", addr, strings.Fields(args)...); got != want {
			t.Errorf("%s: %v", args, got)
		}
	}
	if (&SSH{Target: "-oProxyCommand=x", Client: s.Client}).Tells(t.Context(), "n2", addr, "true") {
		t.Error("a target that is an option was logged in to")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
		t.Errorf("left there: %v", left)
	}
}
