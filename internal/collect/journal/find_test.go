package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFolders reads what is a journal in folders, and nothing else.
func TestFolders(t *testing.T) {
	all, _ := made(1, 60)
	b := small(t, flagCompact, all)
	q := Query{Engine: true, Kernel: true}
	dir, other := t.TempDir(), t.TempDir()
	put := func(path string, b []byte) {
		t.Helper()
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(dir, "a", "system.journal"), b)
	put(filepath.Join(dir, "a", "b", "deep.journal"), small(t, 0, all[:1]))
	put(filepath.Join(dir, "system.log"), b)
	put(filepath.Join(dir, "not.journal"), []byte("text"))
	put(filepath.Join(dir, "empty.journal~"), nil)
	put(filepath.Join(other, "out.journal"), b)
	if err := os.Symlink(filepath.Join(other, "out.journal"), filepath.Join(dir, "link.journal")); err != nil {
		t.Fatal(err)
	}
	got, s := collect(t, q, dir, filepath.Join(dir, "a"), filepath.Join(dir, "nowhere"))
	same(t, got, wanted(all, q))
	// The same file again is found again, and read once; the deep one is in a folder that was asked for.
	if s.Files != 3 || len(s.Damage) != 3 {
		t.Errorf("%+v", s)
	}
	for i, about := range []string{"empty.journal~", "link.journal", "not.journal"} {
		if i < len(s.Damage) && !strings.Contains(s.Damage[i], about) {
			t.Errorf("damage %d is not about %s: %s", i, about, s.Damage[i])
		}
	}
}

func TestNothingThere(t *testing.T) {
	s, err := Read(t.Context(), []string{filepath.Join(t.TempDir(), "nowhere")}, Query{Engine: true}, nil)
	if err != nil || s.Files != 0 || len(s.Damage) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "a.journal"), []byte("text"), 0o600)
	if s, err = Read(t.Context(), []string{dir}, Query{Engine: true}, nil); err == nil || len(s.Damage) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestEnd stops when the receiver or the context says so.
func TestEnd(t *testing.T) {
	all, _ := made(1, 2000)
	b := small(t, flagKeyed, all)
	n := 0
	s, err := inMemory(t.Context(), bytes.NewReader(b), int64(len(b)), Query{Engine: true}, func(Entry) bool { n++; return n < 5 })
	if err != nil || n != 5 || s.Entries != 5 {
		t.Errorf("%d entries, %+v, %v", n, s, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n = 0
	_, err = inMemory(ctx, bytes.NewReader(b), int64(len(b)), Query{Engine: true}, func(Entry) bool { n++; cancel(); return true })
	if !errors.Is(err, context.Canceled) || n > 100 {
		t.Errorf("%d entries, %v", n, err)
	}
}

// TestHash compares with what the authors of the functions published.
func TestHash(t *testing.T) {
	var key [16]byte
	msg := make([]byte, 15)
	for i := range key {
		key[i] = byte(i)
	}
	for i := range msg {
		msg[i] = byte(i)
	}
	if got := siphash(key, msg); got != 0xa129ca6149be45e5 {
		t.Errorf("siphash: %#x", got)
	}
	// lookup3.c, driver5: hashlittle2 of this text with both seeds 0.
	if got := jenkins([]byte("Four score and seven years ago")); got != 0x17770551ce7226e6 {
		t.Errorf("jenkins: %#x", got)
	}
	if got := jenkins(nil); got != 0xdeadbeefdeadbeef {
		t.Errorf("jenkins of nothing: %#x", got)
	}
}
