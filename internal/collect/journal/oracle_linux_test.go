package journal

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const remote = "/lib/systemd/systemd-journal-remote"

// needSystemd skips the test where journals cannot be made, unless REQUIRE
// promises it.
func needSystemd(t *testing.T) {
	t.Helper()
	_, err := os.Stat(remote)
	if err == nil {
		_, err = exec.LookPath("journalctl")
	}
	if err == nil {
		return
	}
	if slices.Contains(strings.Split(os.Getenv("REQUIRE"), ","), "journal") {
		t.Fatalf("missing feature: journal: %v", err)
	}
	t.Skipf("missing feature: journal: %v", err)
}

// write makes a journal with systemd's own code.
func write(t *testing.T, file string, env []string, export io.Reader) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	tmp := filepath.Join(t.TempDir(), "j.journal")
	cmd := exec.Command(remote, "-o", tmp, "-")
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = export
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", remote, err, out)
	}
	if err := os.Rename(tmp, file); err != nil {
		t.Fatal(err)
	}
}

// journalctl is what systemd itself reads in a window, in its own order.
func journalctl(t *testing.T, dir string, q Query) []line {
	t.Helper()
	out, err := ask(t, dir, q)
	if err != "" {
		t.Fatalf("journalctl: %s", err)
	}
	return out
}

// ask is journalctl's answer, and what it says of trouble.
func ask(t *testing.T, dir string, q Query) ([]line, string) {
	t.Helper()
	args := []string{"-q", "-o", "export", "-D", dir}
	if !q.From.IsZero() {
		args = append(args, "--since", stamp(q.From))
	}
	if !q.To.IsZero() {
		args = append(args, "--until", stamp(q.To))
	}
	for i, term := range q.terms() {
		if i > 0 {
			args = append(args, "+")
		}
		args = append(args, string(term.text))
	}
	cmd := exec.Command("journalctl", args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err == nil {
		errs.Reset()
	}
	return wanted(exported(t, out), q), errs.String()
}

func stamp(t time.Time) string { return fmt.Sprintf("@%d.%06d", t.Unix(), t.Nanosecond()/1000) }

// modes are how systemd can write files.
var modes = []struct {
	name string
	env  []string
}{
	{"plain", []string{"SYSTEMD_JOURNAL_COMPACT=0", "SYSTEMD_JOURNAL_KEYED_HASH=0"}},
	{"keyed", []string{"SYSTEMD_JOURNAL_COMPACT=0", "SYSTEMD_JOURNAL_KEYED_HASH=1"}},
	{"compact", []string{"SYSTEMD_JOURNAL_COMPACT=1", "SYSTEMD_JOURNAL_KEYED_HASH=0", "SYSTEMD_JOURNAL_COMPRESS=LZ4"}},
	{"both", []string{"SYSTEMD_JOURNAL_COMPACT=1", "SYSTEMD_JOURNAL_KEYED_HASH=1", "SYSTEMD_JOURNAL_COMPRESS=XZ"}},
}

// TestAgainstJournalctl reads random windows of journals in which entries are
// spread over files, some in two of them.
func TestAgainstJournalctl(t *testing.T) {
	needSystemd(t)
	for i, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			dir := t.TempDir()
			all, last := made(uint64(i), 2000)
			sub := filepath.Join(dir, "fedcba9876543210fedcba9876543210")
			write(t, filepath.Join(dir, "system@0005.journal~"), mode.env, exportOf(all[:apart(all, 1200)]))
			write(t, filepath.Join(sub, "system@0006.journal"), mode.env, exportOf(all[apart(all, 1100):apart(all, 1700)]))
			write(t, filepath.Join(sub, "system.journal"), mode.env, exportOf(all[apart(all, 1700):]))
			write(t, filepath.Join(sub, "user-1000.journal"), nil, exportOf(all[apart(all, 1650):apart(all, 1720)]))
			r := rand.New(rand.NewPCG(uint64(i), 2))
			lines := 0
			for range 15 {
				from := r.Int64N(last+2_000_000) - 1_000_000
				q := between(from, from+r.Int64N(last)/int64(1+r.IntN(40)))
				q.Engine, q.Kernel = r.IntN(4) > 0, r.IntN(2) > 0
				if r.IntN(3) == 0 {
					q.Units = []string{"my-engine.service"}
				}
				lines += compare(t, dir, q, all)
			}
			lines += compare(t, dir, Query{Engine: true, Kernel: true}, all)
			lines += compare(t, dir, Query{Engine: true, From: start.Add(time.Duration(last) * time.Microsecond)}, all)
			t.Logf("%d lines compared", lines)
		})
	}
}

// apart is the first entry from i on that does not share its microsecond with the
// one before: where files begin. Of those that do, journalctl 252 leaves some
// of the second file out.
func apart(all []fields, i int) int {
	for all[i][0] == all[i-1][0] {
		i++
	}
	return i
}

// compare reads a window of what was written; it returns how many lines that are.
func compare(t *testing.T, dir string, q Query, all []fields) int {
	t.Helper()
	got, s := collect(t, q, dir)
	if len(s.Damage) > 0 || s.Files != 4 {
		t.Errorf("%+v", s)
	}
	if len(q.terms()) == 0 {
		if len(got) > 0 {
			t.Errorf("%d lines, and none was wanted", len(got))
		}
		return 0
	}
	same(t, got, wanted(all, q))
	same(t, got, journalctl(t, dir, q))
	return len(got)
}

// TestWhileItIsWritten reads a journal again and again while systemd writes it:
// what is there is read, and nothing looks like damage.
func TestWhileItIsWritten(t *testing.T) {
	needSystemd(t)
	dir := t.TempDir()
	all, _ := made(9, 4000)
	q := Query{Engine: true, Kernel: true}
	want := wanted(all, q)
	cmd := exec.Command(remote, "-o", filepath.Join(dir, "system.journal"), "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for part := range slices.Chunk(all, 40) {
			io.Copy(in, exportOf(part))
			time.Sleep(5 * time.Millisecond)
		}
		in.Close()
	}()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	reads, before := 0, 0
	for running := true; running; reads++ {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		if _, err := os.Stat(filepath.Join(dir, "system.journal")); err != nil {
			continue
		}
		var got []line
		s, err := Read(t.Context(), []string{dir}, q, func(e Entry) bool {
			got = append(got, line{e.At.UnixMicro(), e.Kernel, string(e.Message)})
			return true
		})
		if before > 0 && (err != nil || len(s.Damage) > 0) {
			t.Fatalf("%+v, %v", s, err)
		}
		if len(got) < before || len(got) > len(want) {
			t.Fatalf("%d lines, before %d", len(got), before)
		}
		before = len(got)
		same(t, got, want[:len(got)])
	}
	if before != len(want) {
		t.Errorf("%d lines in the end, want %d", before, len(want))
	}
	t.Logf("read %d times while it was written", reads)
}

// TestDamagedAgainstJournalctl: of a damaged journal at least as much is read as
// systemd reads, window and matches being the same.
func TestDamagedAgainstJournalctl(t *testing.T) {
	needSystemd(t)
	q := Query{Engine: true, Kernel: true}
	ours, theirs := 0, 0
	for _, name := range captured {
		b := unzipped(t, name+".journal")
		r := rand.New(rand.NewPCG(3, 3))
		end := int(le.Uint64(b[136:]))
		dir := t.TempDir()
		for i := range 25 {
			bad := slices.Clone(b)
			if i < 4 {
				bad = bad[:end-r.IntN(40_000)]
			} else {
				bad[end-r.IntN(45_000)] ^= 1 << r.IntN(8)
			}
			if err := os.WriteFile(filepath.Join(dir, "system.journal"), bad, 0o600); err != nil {
				t.Fatal(err)
			}
			got, s := collect(t, q, dir)
			want, _ := ask(t, dir, q)
			ours, theirs = ours+len(got), theirs+len(want)
			if len(got) < len(want) {
				t.Errorf("%s, damage %d: %d lines, journalctl reads %d; %q", name, i, len(got), len(want), s.Damage)
			}
		}
	}
	t.Logf("%d lines were read, journalctl reads %d", ours, theirs)
}
