package corpus_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fairway/internal/casefile"
	"fairway/internal/check"
	"fairway/internal/corpus"
)

// TestReplay asks every recorded case its question: what was found in the lab is
// found for ever, and nothing else.
func TestReplay(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.tar.zst")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, a := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(a), ".tar.zst"), func(t *testing.T) {
			t.Parallel()
			n := 0
			err := corpus.Read(a, func(c corpus.Case) error {
				n++
				t.Run(c.Fault, func(t *testing.T) { replay(t, c) })
				return nil
			})
			if err != nil || n == 0 {
				t.Errorf("%d cases: %v", n, err)
			}
		})
	}
}

func replay(t *testing.T, c corpus.Case) {
	k, err := casefile.Read(bytes.NewReader(c.File), casefile.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if k.Cut != "" || len(k.Damage) > 0 {
		t.Errorf("cut %q, damage %q", k.Cut, k.Damage)
	}
	r, err := check.Run(k.Snapshot, check.All(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.ExitCode(); got != c.Exit {
		t.Errorf("exit code %d, wanted %d: %s", got, c.Exit, r.Summary)
	}
	var got []corpus.Cause
	for _, x := range r.Causes {
		got = append(got, corpus.Cause{ID: x.ID, Node: x.Node, Network: x.Network, Kind: x.Subject.Kind, Name: x.Subject.Name, Peer: x.Peer})
	}
	for i, want := range c.Causes {
		found := slices.ContainsFunc(got, func(g corpus.Cause) bool { return fits(want, g) })
		if !found || i == 0 && !fits(want, got[0]) {
			t.Errorf("cause %d of %d is not where it should be: %+v", i+1, len(c.Causes), want)
		}
	}
	if len(got) != len(c.Causes) || t.Failed() {
		t.Errorf("wanted %+v\ngot %+v", c.Causes, got)
	}
}

// eitherEnd are causes between two nodes: which of them comes first depends on
// whose view there is.
var eitherEnd = []string{"underlay-vxlan-udp-blocked", "underlay-peer-unreachable", "underlay-mtu-blackhole", "vxlan-port-clash-hypervisor"}

// fits compares what the lab knows of a cause.
func fits(want, got corpus.Cause) bool {
	if slices.Contains(eitherEnd, want.ID) && want.Peer != "" && got.Node == want.Peer && got.Peer == want.Node {
		got.Node, got.Peer = want.Node, want.Peer
	}
	for _, f := range [][2]string{{want.ID, got.ID}, {want.Node, got.Node}, {want.Network, got.Network}, {want.Kind, got.Kind},
		{want.Name, got.Name}, {want.Peer, got.Peer}} {
		if f[0] != "" && f[0] != f[1] {
			return false
		}
	}
	return true
}

// TestReadRefuses: an archive that is not whole is an error, never fewer cases.
func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "no archive": "hello"} {
		path := filepath.Join(t.TempDir(), "x.tar.zst")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := corpus.Read(path, func(corpus.Case) error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	stop := fmt.Errorf("stop")
	archives, _ := filepath.Glob("testdata/*.tar.zst")
	for _, a := range archives[:min(1, len(archives))] {
		if err := corpus.Read(a, func(corpus.Case) error { return stop }); err == nil {
			t.Error("an error of the caller is lost")
		}
	}
}
