package collect

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// inJournal is an entry of a journal in systemd's export format.
func inJournal(after time.Duration, fields ...string) string {
	at := logDay.Add(after).UnixMicro()
	return fmt.Sprintf("__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=0123456789abcdef0123456789abcdef\n%s\n\n",
		at, at-logDay.Add(-24*time.Hour).UnixMicro(), strings.Join(fields, "\n"))
}

func engineSays(after time.Duration, msg string) string {
	return inJournal(after, "_SYSTEMD_UNIT=docker.service", "SYSLOG_IDENTIFIER=dockerd", "MESSAGE="+own(after, msg))
}

// addJournal puts a journal made by systemd itself below a root.
func addJournal(t *testing.T, root, dir string, entries ...string) {
	t.Helper()
	const remote = "/lib/systemd/systemd-journal-remote"
	_, err := os.Stat(remote)
	need(t, "journal", err == nil)
	dir = filepath.Join(root, dir, "0123456789abcdef0123456789abcdef")
	must(t, os.MkdirAll(dir, 0o755))
	made := filepath.Join(t.TempDir(), "a.journal")
	cmd := exec.Command(remote, "-o", made, "-")
	cmd.Stdin = strings.NewReader(strings.Join(entries, ""))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", remote, err, out)
	}
	must(t, os.Rename(made, filepath.Join(dir, "system.journal")))
}

// TestLogsOfJournal: what the journal has is not read once more out of text.
func TestLogsOfJournal(t *testing.T) {
	root := logRoot(t, map[string][]string{"var/log/syslog": {
		tagged(-3*time.Hour, "dockerd[1]", own(-3*time.Hour, "before the journal was kept")),
		tagged(time.Minute, "dockerd[1]", own(time.Minute, "memberlist: Suspect n2-1a2b has failed, no acks received")),
		tagged(2*time.Minute, "kernel", "nf_conntrack: table full, dropping packet")}})
	addJournal(t, root, "var/log/journal", engineSays(-time.Minute, "the first"), engineSays(time.Minute, "memberlist: Suspect n2-1a2b has failed, no acks received"),
		inJournal(90*time.Second, "_SYSTEMD_UNIT=ssh.service", "MESSAGE=not ours"), inJournal(2*time.Minute, "_TRANSPORT=kernel", "MESSAGE=nf_conntrack: table full, dropping packet"))
	got, gaps := Logs(t.Context(), logRequest(root, window(-3*time.Hour, -2*time.Hour), window(0, time.Hour)))
	expectGaps(t, gaps)
	expectHeard(t, got, `
-3h0m0s engine: before the journal was kept
1m0s engine: memberlist: Suspect n2-1a2b has failed, no acks received
2m0s kernel: nf_conntrack: table full, dropping packet
journal /var/log/journal 2
text /var/log/syslog 1
`)
	if len(got.Statements) != 2 {
		t.Errorf("statements %+v", got.Statements)
	}
}

// TestLogsOfQuietJournal: lines of another time show that the engine logs there.
func TestLogsOfQuietJournal(t *testing.T) {
	root := t.TempDir()
	addJournal(t, root, "run/log/journal", engineSays(-90*time.Minute, "a"), engineSays(90*time.Minute, "b"))
	got, gaps := Logs(t.Context(), logRequest(root, window(0, time.Hour)))
	expectGaps(t, gaps)
	expectHeard(t, got, "journal /run/log/journal 0\n")
	_, gaps = Logs(t.Context(), logRequest(root, window(-5*time.Hour, -2*time.Hour)))
	expectGaps(t, gaps, fact.ClassNotExist)
	_, gaps = Logs(t.Context(), logRequest(root, window(-2*time.Hour, 0)))
	expectGaps(t, gaps, fact.ClassAside)
	if len(gaps) == 1 && !strings.Contains(gaps[0].Reason, "begins at 2026-11-23T08:30:00Z (/run/log/journal)") {
		t.Errorf("gap %q", gaps[0].Reason)
	}
}

// TestLogsWithoutRoot: what this user may not read is a gap that says so.
func TestLogsWithoutRoot(t *testing.T) {
	root := logRoot(t, map[string][]string{"var/log/docker.log": {own(time.Minute, "a")}})
	must(t, os.Chmod(filepath.Join(root, "var/log/docker.log"), 0))
	for _, dir := range []string{"var/log", "var", ".", ".."} { // whatever the umask was
		must(t, os.Chmod(filepath.Join(root, dir), 0o755))
	}
	if os.Getuid() == 0 {
		asNobody(t, func() { unreadable(t, root) })
		return
	}
	unreadable(t, root)
}

func unreadable(t *testing.T, root string) {
	_, gaps := Logs(t.Context(), logRequest(root, window(0, time.Hour)))
	expectGaps(t, gaps, fact.ClassPermission)
	if len(gaps) == 1 && (!strings.Contains(gaps[0].Reason, "/var/log/docker.log: permission denied") || !strings.Contains(gaps[0].Do, "as root")) {
		t.Errorf("gap %+v", gaps[0])
	}
}

// TestRingBuffer reads this machine's, if it may.
func TestRingBuffer(t *testing.T) {
	now, n := time.Now(), 0
	err := kmsg(t.Context(), func(at time.Time, text []byte) {
		n++
		if at.After(now.Add(time.Second)) || len(text) == 0 {
			t.Errorf("%v %q", at, text)
		}
	})
	need(t, "kmsg", err == nil)
	req := LogRequest{Node: "n1", Root: t.TempDir(), Kmsg: true, Windows: []fact.Window{{From: now.AddDate(-9, 0, 0), To: now}}, MaxLines: 1 << 20, MaxBytes: 1 << 30}
	got, _ := Logs(t.Context(), req)
	if len(got.Sources) != 1 || got.Sources[0].Kind != "kmsg" || len(got.Lines) < n {
		t.Errorf("%d lines of %d, sources %+v", len(got.Lines), n, got.Sources)
	}
}

func TestRecordsThatAreLost(t *testing.T) {
	answers := []any{unix.EPIPE, "6,1,1000000,-;a\n", unix.EINTR, "30,1,1,-;not the kernel's\n", "garbage", "6,2,2000000,-;b\n", unix.EAGAIN, "6,3,3000000,-;after the end\n"}
	var got []string
	err := records(t.Context(), func(b []byte) (int, error) {
		a := answers[0]
		answers = answers[1:]
		if err, is := a.(error); is {
			return -1, err
		}
		return copy(b, a.(string)), nil
	}, func(since time.Duration, text []byte) { got = append(got, since.String()+" "+string(text)) })
	if err != nil || strings.Join(got, ", ") != "1s a, 2s b" {
		t.Errorf("%v %v", got, err)
	}
}

// asNobody runs on a thread that reads files as somebody without rights.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread dies with the goroutine
		if _, err := unix.SetfsuidRetUid(65534); err != nil {
			t.Error(err)
			return
		}
		do()
	}()
	<-done
}
