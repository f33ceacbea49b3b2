package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestPack(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	record := func(id, text string) {
		t.Helper()
		at := filepath.Join(from, "29", id)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at+".fairway", e.EncodeAll([]byte(text), nil), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := writeJSON(at+".json", Expected{Fault: id}); err != nil {
			t.Fatal(err)
		}
	}
	archive := filepath.Join(to, "29.tar.zst")
	pack := func() []byte {
		t.Helper()
		if err := Pack(from, to); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	record("a", "one")
	record("a.jump", "more")
	record("b", "two")
	first := pack()
	if !bytes.Equal(first, pack()) {
		t.Error("the same cases make another archive")
	}
	if err := os.RemoveAll(from + "/29"); err != nil {
		t.Fatal(err)
	}
	record("b", "three")
	pack()
	files, err := unpack(archive)
	if err != nil || len(files) != 6 || string(files["a.tar"]) != "one" || string(files["b.tar"]) != "three" {
		t.Errorf("%d files, %q, %q, %v", len(files), files["a.tar"], files["b.tar"], err)
	}
}
