package textlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// plainLog is n lines of the engine, one a second from i on.
func plainLog(from, n int) []byte {
	var b bytes.Buffer
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, "time=%q level=info msg=\"line %d\"\n", secondNo(i).Format(time.RFC3339Nano), i)
	}
	return b.Bytes()
}

func secondNo(i int) time.Time { return started.Add(time.Duration(i) * time.Second) }

func seconds(from, to int) Query {
	return Query{From: secondNo(from), To: secondNo(to), Engine: true, Own: true}
}

// numbers are those of the lines that were found.
func numbers(t testing.TB, found []got) (out []int) {
	t.Helper()
	for _, g := range found {
		_, after, _ := strings.Cut(g.text, `msg="line `)
		n, err := strconv.Atoi(strings.TrimSuffix(after, `"`))
		if err != nil {
			t.Fatalf("a line that nobody wrote: %q", g.text)
		}
		out = append(out, n)
	}
	return out
}

func expectNumbers(t testing.TB, found []got, from, to int) {
	t.Helper()
	got := numbers(t, found)
	for i := from; i <= to; i++ {
		if i-from >= len(got) || got[i-from] != i {
			t.Fatalf("%d lines, the one that should be %d is not", len(got), i)
		}
	}
	if len(got) != to-from+1 {
		t.Fatalf("%d lines, want %d", len(got), to-from+1)
	}
}

func TestNamesOfRotatedFiles(t *testing.T) {
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "docker.log"), plainLog(900, 100), secondNo(1000))
	for i, name := range []string{"docker.log-20261120", "docker.log-2026-11-20-1795212600.gz", "docker.log.4.zst", "docker-20261119.log", "docker.log.5", "docker.1.log.gz", "docker.log.12"} {
		put(t, filepath.Join(dir, name), plainLog(i*100, 100), secondNo(i*100+100))
	}
	for _, other := range []string{"docker.log.bak", "docker.log-old", "docker.logs", "docker.log.", "dockerd.log.1", "docker.log.1x", "docker.log.5.gz", "docker-proxy.log"} {
		put(t, filepath.Join(dir, other), plainLog(0, 100), secondNo(2000)) // another log, or the same as docker.log.5
	}
	must(t, os.Mkdir(filepath.Join(dir, "docker.log.3"), 0o700))
	must(t, os.Symlink(path, filepath.Join(dir, "docker.log.2")))
	found, st := readAll(t, path, seconds(150, 950))
	slices.SortFunc(found, func(a, b got) int { return a.at.Compare(b.at) })
	if len(found) != 601 { // nobody wrote 700 to 899
		t.Errorf("%d lines", len(found))
	}
	if len(st.Damage) != 1 || !strings.Contains(st.Damage[0], "docker.log.3: it is not a regular file") || !st.First.Equal(started) || !st.Written.Equal(secondNo(1000)) {
		t.Errorf("%+v", st)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestOnlyWhatOverlapsIsOpened: what was written last before the window stays closed.
func TestOnlyWhatOverlapsIsOpened(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "docker.log"), plainLog(90000, 1000), secondNo(91000))
	put(t, path+".1", plainLog(80000, 10000), secondNo(90000))
	must(t, syscall.Mkfifo(path+".2", 0o600)) // to open it would be damage
	must(t, os.Chtimes(path+".2", secondNo(80000), secondNo(80000)))
	found, st := readAll(t, path, seconds(89000, 90500))
	expectNumbers(t, found, 89000, 90500)
	if st.Files != 2 || len(st.Damage) > 0 || !st.First.Equal(secondNo(80000)) {
		t.Errorf("%+v", st)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	read := func(path string) (Stats, error) {
		return Read(t.Context(), path, seconds(0, 1000), func(Entry) bool { return true })
	}
	if _, err := read(filepath.Join(dir, "none.log")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := read(dir); !errors.Is(err, errNotRegular) {
		t.Errorf("a folder: %v", err)
	}
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe.log"), 0o600))
	if _, err := read(filepath.Join(dir, "pipe.log")); !errors.Is(err, errNotRegular) {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := read("/dev/zero"); !errors.Is(err, errNotRegular) {
		t.Errorf("a device: %v", err)
	}
	path := put(t, filepath.Join(dir, "docker.log"), plainLog(500, 100), secondNo(600))
	whole := packed(t, ".gz", plainLog(0, 500))
	must(t, os.WriteFile(path+".1.gz", whole[:len(whole)/2], 0o600))
	must(t, os.WriteFile(path+".2.gz", []byte("no gzip at all"), 0o600))
	must(t, os.WriteFile(path+".3.xz", []byte("whatever"), 0o600))
	st, err := read(path)
	if err != nil || st.Entries < 200 || st.Entries >= 600 || len(st.Damage) != 3 {
		t.Errorf("%v %+v", err, st)
	}
	for i, want := range []string{"docker.log.1.gz: unexpected EOF", "docker.log.2.gz: gzip: invalid header", "docker.log.3.xz: it is compressed in a way"} {
		if !slices.ContainsFunc(st.Damage, func(d string) bool { return strings.Contains(d, want) }) {
			t.Errorf("damage %d: %q", i, st.Damage)
		}
	}
	must(t, os.Remove(path))
	if st, err := read(path); err != nil || st.Entries < 200 {
		t.Errorf("only rotated files are left: %v %+v", err, st)
	}
}

// TestBombIsBounded: what unpacks to very much is not held in memory, and ends.
func TestBombIsBounded(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "docker.log"), plainLog(500, 10), secondNo(510))
	put(t, path+".1.gz", append(plainLog(0, 10), make([]byte, 16<<20)...), secondNo(500))
	put(t, path+".2.gz", append(plainLog(0, 1), bytes.Repeat([]byte("x"), 16<<20)...), secondNo(400))
	before := testing.AllocsPerRun(1, func() {
		if _, st := readAll(t, path, seconds(0, 600)); st.Entries != 21 {
			t.Errorf("%+v", st)
		}
	})
	if before > 2000 {
		t.Errorf("%v allocations", before)
	}
}

func TestStops(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "docker.log"), plainLog(0, 5000), secondNo(5000))
	n := 0
	st, err := Read(t.Context(), path, seconds(0, 5000), func(Entry) bool { n++; return n < 7 })
	if err != nil || n != 7 || st.Entries != 7 {
		t.Errorf("%d lines, %v, %+v", n, err, st)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Read(ctx, path, seconds(0, 5000), func(Entry) bool { cancel(); return true })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
}

// TestLastLineWithoutEnd: it is a line, and so is one that grows meanwhile; while it is
// being written it is none yet.
func TestLastLineWithoutEnd(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "docker.log"), bytes.TrimSuffix(plainLog(0, 10), []byte("\n")), secondNo(10))
	found, _ := readAll(t, path, seconds(0, 100))
	expectNumbers(t, found, 0, 9)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	n := 0
	_, err = Read(t.Context(), path, seconds(0, 100), func(Entry) bool {
		n++
		_, err := f.WriteString("\n" + string(plainLog(10+n, 1)))
		return err == nil
	})
	if err != nil || n != 10 {
		t.Errorf("%d lines of a file that grows, %v", n, err)
	}
	_, err = f.WriteString(`time="2026-11-20T22:10:30Z" level=info msg="memberlist: Suspect 10.0.0.1`)
	must(t, err)
	found, _ = readAll(t, path, seconds(0, 100))
	if last := found[len(found)-1].text; strings.Contains(last, "Suspect") {
		t.Errorf("half a line was read: %s", last)
	}
	_, err = f.WriteString("2 has failed\"\n")
	must(t, err)
	if found, _ = readAll(t, path, seconds(0, 100)); !strings.HasSuffix(found[len(found)-1].text, `10.0.0.12 has failed"`) {
		t.Errorf("the last of %d lines is %s", len(found), found[len(found)-1].text)
	}
}

// TestShrinks: it was copied and emptied while we read it.
func TestShrinks(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "docker.log"), plainLog(0, 20000), secondNo(20000))
	st, err := Read(t.Context(), path, seconds(0, 20000), func(Entry) bool { return os.Truncate(path, 0) == nil })
	if err != nil || st.Entries == 0 || st.Entries == 20000 || len(st.Damage) != 1 || !strings.Contains(st.Damage[0], "shorter") {
		t.Errorf("%v %+v", err, st)
	}
}

// TestAgainstGrepAndZcat: the window of rotated files is what the system's own tools find.
func TestAgainstGrepAndZcat(t *testing.T) {
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "docker.log"), plainLog(20000, 10000), secondNo(30000))
	put(t, path+".1", plainLog(10000, 10000), secondNo(20000))
	put(t, path+".2.gz", plainLog(0, 10000), secondNo(10000))
	for _, w := range [][2]int{{0, 100}, {9000, 11000}, {9999, 20001}, {25000, 25000}, {29990, 40000}} {
		q := seconds(w[0], w[1])
		cmd := exec.Command("sh", "-c", `zcat -f docker.log.2.gz docker.log.1 docker.log | awk -F '"' -v f="$1" -v t="$2" '$2 >= f && $2 <= t'`,
			"sh", q.From.Format(time.RFC3339), q.To.Format(time.RFC3339))
		cmd.Dir = dir
		want, err := cmd.Output()
		must(t, err)
		var got strings.Builder
		found, _ := readAll(t, path, q)
		for _, g := range found {
			got.WriteString(g.text + "\n")
		}
		if got.String() != string(want) {
			t.Errorf("%v: %d bytes, zcat and awk find %d", w, got.Len(), len(want))
		}
	}
	out, err := exec.Command("grep", "-c", "line 12345\"$", path+".1").Output()
	found, _ := readAll(t, path, seconds(12345, 12345))
	if err != nil || strings.TrimSpace(string(out)) != "1" || len(found) != 1 {
		t.Errorf("grep finds %s, %v; we find %v", out, err, found)
	}
}
