package casefile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/casefile"
)

func TestCreate(t *testing.T) {
	s := twoLooks()
	path := filepath.Join(t.TempDir(), "case.fairway")
	must(t, os.WriteFile(path, []byte("an older one"), 0o644))
	must(t, os.WriteFile(path+".part", []byte("what was left of another"), 0o644))
	w, err := casefile.Create(path, "1.0")
	must(t, err)
	must(t, w.Look(1, s.Earlier))
	if c, err := casefile.Open(path + ".part"); err != nil || c.Cut == "" || !cmp.Equal(c.Snapshot, s.Earlier, exact) {
		t.Errorf("after the first look: %v, %+v", err, c)
	}
	must(t, w.Look(2, s))
	if got, _ := os.ReadFile(path); string(got) != "an older one" {
		t.Error("the older case is gone before the new one is whole")
	}
	must(t, w.Close())
	got, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(got, written(t, s)) {
		t.Error("look by look gives other bytes than all at once")
	}
	info, err := os.Stat(path)
	must(t, err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s", info.Mode())
	}
	if _, err := os.Stat(path + ".part"); err == nil {
		t.Error("the part is still there")
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	w, err := casefile.Create(filepath.Join(dir, "case.fairway"), "1.0")
	must(t, err)
	must(t, w.Look(1, twoLooks()))
	w.Abort()
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("left %v, %v", list, err)
	}
}

func TestCreateWhereNobodyMay(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "not-there", "case.fairway")} {
		if _, err := casefile.Create(path, "1.0"); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", path, err)
		}
	}
	w, err := casefile.Create(filepath.Join(dir, "empty"), "1.0")
	must(t, err)
	if err := w.Close(); err == nil {
		t.Error("a case without a look was written")
	}
	if _, err := casefile.Open(filepath.Join(dir, "empty.part")); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("open what a kill left before the first look: %v", err)
	}
}

// TestPartIsNotWrittenThroughALink: somebody else may have put one there.
func TestPartIsNotWrittenThroughALink(t *testing.T) {
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "case.fairway")
	must(t, os.WriteFile(victim, []byte("mine"), 0o600))
	must(t, os.Symlink(victim, path+".part"))
	w, err := casefile.Create(path, "1.0")
	must(t, err)
	must(t, w.Look(1, twoLooks()))
	must(t, w.Close())
	if got, _ := os.ReadFile(victim); string(got) != "mine" {
		t.Error("the link's target was overwritten")
	}
}

// fullDisk takes so many bytes.
type fullDisk struct{ left int }

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.left -= len(b); d.left < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(b), nil
}

func TestADiskThatIsFull(t *testing.T) {
	s := twoLooks()
	size := len(written(t, s))
	for left := 0; left < size; left += 1 + size/10 {
		if err := casefile.Write(&fullDisk{left}, "1.0", s); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%d bytes: error %v", left, err)
		}
	}
}
