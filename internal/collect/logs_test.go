package collect

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fairway/internal/fact"
)

var logDay = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// logRoot is a folder that stands for / with these text logs, each written last
// three hours after ten o'clock. A name that ends in .gz is packed.
func logRoot(t *testing.T, logs map[string][]string) string {
	t.Helper()
	root := t.TempDir()
	for name, lines := range logs {
		name = filepath.Join(root, name)
		content := strings.Join(lines, "\n") + "\n"
		if strings.HasSuffix(name, ".gz") {
			var b strings.Builder
			w := gzip.NewWriter(&b)
			w.Write([]byte(content))
			w.Close()
			content = b.String()
		}
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, []byte(content), 0o600))
		must(t, os.Chtimes(name, logDay.Add(3*time.Hour), logDay.Add(3*time.Hour)))
	}
	return root
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// own is a line of dockerd so long after ten o'clock, tagged one of syslog.
func own(after time.Duration, msg string) string {
	return fmt.Sprintf("time=%q level=info msg=%q", logDay.Add(after).Format(time.RFC3339Nano), msg)
}

func tagged(after time.Duration, tag, msg string) string {
	return fmt.Sprintf("%s n1 %s: %s", logDay.Add(after).Format(time.RFC3339Nano), tag, msg)
}

func window(from, to time.Duration) fact.Window {
	return fact.Window{From: logDay.Add(from), To: logDay.Add(to)}
}

func logRequest(root string, windows ...fact.Window) LogRequest {
	return LogRequest{Node: "n1", Root: root, Windows: windows, MaxLines: 1000, MaxBytes: 1 << 20}
}

// heard is lines and sources, in short.
func heard(s *fact.Said) string {
	var b strings.Builder
	for _, l := range s.Lines {
		text := l.Text
		if _, msg, ok := strings.Cut(text, `msg="`); ok {
			text = strings.TrimSuffix(msg, `"`)
		}
		fmt.Fprintf(&b, "%v %s: %s\n", l.At.Sub(logDay), l.From, text)
	}
	for _, src := range s.Sources {
		fmt.Fprintf(&b, "%s %s %d", src.Kind, src.Name, src.Lines)
		if src.Left > 0 {
			fmt.Fprintf(&b, " left %d", src.Left)
		}
		if src.Damage != "" {
			fmt.Fprintf(&b, " (%s)", src.Damage)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func expectHeard(t *testing.T, got *fact.Said, want string) {
	t.Helper()
	if h := heard(got); h != strings.TrimLeft(want, "\n") {
		t.Errorf("heard\n%s\nwant\n%s", h, want)
	}
}

func expectGaps(t *testing.T, got []fact.Gap, want ...fact.Class) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("gaps %+v, want %v", got, want)
	}
	for i, g := range got {
		if g.Class != want[i] || g.Kind != fact.KindLogs || g.Node != "n1" || g.Reason == "" {
			t.Errorf("gap %+v, want %v", g, want[i])
		}
	}
}

func TestLogsOfAlpine(t *testing.T) {
	root := logRoot(t, map[string][]string{
		"var/log/docker.log":      {own(-2*time.Hour, "before"), own(5*time.Minute, "memberlist: Suspect n2-1a2b has failed, no acks received"), "goroutine 1 [running]:", own(2*time.Hour, "after")},
		"var/log/docker.log.1.gz": {own(-9*time.Hour, "long ago"), own(-3*time.Hour, "and rotated")},
		"var/log/messages": {"Nov 23 10:04:00 n1 kern.warn kernel: [   12.345678] neighbour: arp_cache: neighbor table overflow!",
			"Nov 23 10:04:30 n1 daemon.info dockerd[7]: the same in another place"},
	})
	got, gaps := Logs(t.Context(), logRequest(root, window(-200*time.Minute, -150*time.Minute), window(0, time.Hour)))
	expectGaps(t, gaps)
	expectHeard(t, got, `
-3h0m0s engine: and rotated
4m0s kernel: neighbour: arp_cache: neighbor table overflow!
5m0s engine: memberlist: Suspect n2-1a2b has failed, no acks received" goroutine 1 [running]:
text /var/log/docker.log 2
text /var/log/messages 1
`)
	if len(got.Statements) != 2 || got.Statements[0].From != fact.FromKernel || got.Statements[1].ID != "gossip-suspect" || got.Statements[1].Peer != "n2-1a2b" {
		t.Errorf("statements %+v", got.Statements)
	}
}

func TestLogsOfSyslog(t *testing.T) {
	root := logRoot(t, map[string][]string{
		"var/log/syslog": {tagged(-time.Minute, "systemd[1]", "Started"), tagged(time.Minute, "dockerd[7]", own(time.Minute, "hello")),
			tagged(2*time.Minute, "kernel", "twice"), tagged(3*time.Minute, "0123456789ab[9]", "a container's words")},
		"var/log/kern.log": {tagged(2*time.Minute, "kernel", "twice")},
	})
	got, gaps := Logs(t.Context(), logRequest(root, window(0, time.Hour)))
	expectGaps(t, gaps)
	expectHeard(t, got, `
1m0s engine: hello
2m0s kernel: twice
text /var/log/kern.log 1
text /var/log/syslog 1
`)
}

// TestLogsOfAPathOfItsOwn: what the operator names is asked first, and is told when it is not there.
func TestLogsOfAPathOfItsOwn(t *testing.T) {
	root := logRoot(t, map[string][]string{"srv/engine.txt": {own(time.Minute, "here")}, "var/log/docker.log": {own(time.Minute, "and there")}})
	req := logRequest(root, window(0, time.Hour))
	req.EngineLogs = []string{"/srv/engine.txt"}
	got, gaps := Logs(t.Context(), req)
	expectGaps(t, gaps, fact.ClassAside) // it begins a minute late
	expectHeard(t, got, "1m0s engine: here\ntext /srv/engine.txt 1\n")
	req.EngineLogs = []string{"/srv/other.txt"}
	got, gaps = Logs(t.Context(), req)
	expectGaps(t, gaps, fact.ClassNotExist, fact.ClassAside)
	expectHeard(t, got, "1m0s engine: and there\ntext /var/log/docker.log 1\n")
	if !strings.Contains(gaps[0].Reason, "/srv/other.txt") || strings.Contains(gaps[0].Reason, root) {
		t.Errorf("gap %q", gaps[0].Reason)
	}
}

// TestLogsThatSayNothing: an engine that said nothing is no gap, one without a log is.
func TestLogsThatSayNothing(t *testing.T) {
	for name, c := range map[string]struct {
		logs map[string][]string
		want []fact.Class
	}{
		"its own log has lines before": {map[string][]string{"var/log/docker.log": {own(-72*time.Hour, "a"), own(2*time.Hour, "b")}}, nil},
		"syslog has lines before":      {map[string][]string{"var/log/syslog": {tagged(-3*time.Hour, "dockerd[1]", "a"), tagged(2*time.Hour, "sshd[1]", "b")}}, nil},
		"it begins later":              {map[string][]string{"var/log/docker.log": {own(10*time.Minute, "a")}}, []fact.Class{fact.ClassAside}},
		"it begins after all":          {map[string][]string{"var/log/docker.log": {own(2*time.Hour, "a")}}, []fact.Class{fact.ClassNotExist}},
		"syslog knows no engine":       {map[string][]string{"var/log/syslog": {tagged(-3*time.Hour, "sshd[1]", "a"), tagged(2*time.Hour, "sshd[1]", "b")}}, []fact.Class{fact.ClassNotExist}},
		"nothing at all":               {nil, []fact.Class{fact.ClassNotExist}},
		"garbage":                      {map[string][]string{"var/log/docker.log": {"\x00\xff\xfe", "no stamp"}}, []fact.Class{fact.ClassNotExist}},
		"empty":                        {map[string][]string{"var/log/docker.log": {""}}, []fact.Class{fact.ClassNotExist}},
	} {
		t.Run(name, func(t *testing.T) {
			_, gaps := Logs(t.Context(), logRequest(logRoot(t, c.logs), window(0, time.Hour)))
			expectGaps(t, gaps, c.want...)
			for _, g := range gaps {
				if g.Class == fact.ClassNotExist && !strings.Contains(g.Do, "--engine-log") && !strings.Contains(g.Reason, "its log begins at") || g.Class == fact.ClassAside && !strings.Contains(g.Reason, "its log begins at") {
					t.Errorf("gap %+v", g)
				}
			}
		})
	}
}

// TestLogThatIsOld: the engine logs somewhere else by now.
func TestLogThatIsOld(t *testing.T) {
	root := logRoot(t, map[string][]string{"var/log/docker.log": {own(-720*time.Hour, "a")}})
	old := logDay.Add(-720 * time.Hour)
	must(t, os.Chtimes(filepath.Join(root, "var/log/docker.log"), old, old))
	_, gaps := Logs(t.Context(), logRequest(root, window(0, time.Hour)))
	expectGaps(t, gaps, fact.ClassNotExist)
	if !strings.Contains(gaps[0].Reason, "last written 2026-10-24T10:00:00Z") {
		t.Errorf("gap %q", gaps[0].Reason)
	}
}

func TestLogsWithoutWindows(t *testing.T) {
	got, gaps := Logs(t.Context(), logRequest(t.TempDir()))
	expectGaps(t, gaps)
	expectHeard(t, got, "")
}

func TestLogsStopped(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	root := logRoot(t, map[string][]string{"var/log/docker.log": {own(time.Minute, "a")}})
	_, gaps := Logs(ctx, logRequest(root, window(0, time.Hour)))
	expectGaps(t, gaps, fact.ClassInterrupted)
}

// TestLogsWithinBounds: what says something known stays, then the newest.
func TestLogsWithinBounds(t *testing.T) {
	var lines []string
	for i := range 5000 {
		msg := fmt.Sprintf("line %d", i)
		if i%1000 == 7 {
			msg = fmt.Sprintf("memberlist: Suspect n%d-1a2b has failed, no acks received", i)
		}
		lines = append(lines, own(time.Duration(i)*time.Second/2, msg))
	}
	req := logRequest(logRoot(t, map[string][]string{"var/log/docker.log": lines}), window(0, time.Hour))
	req.MaxLines = 8
	got, _ := Logs(t.Context(), req)
	expectHeard(t, got, `
3.5s engine: memberlist: Suspect n7-1a2b has failed, no acks received
8m23.5s engine: memberlist: Suspect n1007-1a2b has failed, no acks received
16m43.5s engine: memberlist: Suspect n2007-1a2b has failed, no acks received
25m3.5s engine: memberlist: Suspect n3007-1a2b has failed, no acks received
33m23.5s engine: memberlist: Suspect n4007-1a2b has failed, no acks received
41m38.5s engine: line 4997
41m39s engine: line 4998
41m39.5s engine: line 4999
text /var/log/docker.log 5000 left 4992
`)
	if len(got.Statements) != 5 {
		t.Errorf("%d statements", len(got.Statements))
	}
	req.MaxLines, req.MaxBytes = 5000, 1000
	got, _ = Logs(t.Context(), req)
	size := 0
	for _, l := range got.Lines {
		size += len(l.Text)
	}
	if size > 1000 || size < 900 || len(got.Statements) != 5 || got.Sources[0].Lines-got.Sources[0].Left != len(got.Lines) {
		t.Errorf("%d bytes, %d statements, %+v", size, len(got.Statements), got.Sources)
	}
}

// TestLogsWithoutSecrets: what is kept is masked, fit for a line, and whole.
func TestLogsWithoutSecrets(t *testing.T) {
	const token = "SWMTKN-1-49nj1cmql0jkz5s954yi3oex3nedyz0fb0xx14ie39trti4wxv-8vxv8rssmk743ojnwacrr2e7c"
	root := logRoot(t, map[string][]string{"var/log/docker.log": {own(0, "start"), own(time.Minute, "joined with "+token),
		own(2*time.Minute, "a stack"), "token " + token, "\x1b[31mred\x1b[0m \u202e"}})
	got, gaps := Logs(t.Context(), logRequest(root, window(0, time.Hour)))
	expectGaps(t, gaps)
	all := heard(got)
	if strings.Contains(all, token[:40]) || strings.Contains(all, "8vxv8rss") || strings.Count(all, "‹masked›") < 2 {
		t.Errorf("a secret came through:\n%s", all)
	}
	for _, l := range got.Lines {
		if l.Text != fact.Plain(l.Text) {
			t.Errorf("%q is not fit for a line", l.Text)
		}
	}
}

func TestWindowsAreMerged(t *testing.T) {
	a, b, c := window(0, time.Hour), window(time.Hour, 2*time.Hour), window(3*time.Hour, 4*time.Hour)
	a.Why, b.Why = []string{"a"}, []string{"b"}
	got := fact.MergedWindows([]fact.Window{c, b, a, window(time.Minute, 0)})
	if len(got) != 2 || got[0].To != b.To || strings.Join(got[0].Why, "") != "ab" || got[1].From != c.From {
		t.Errorf("merged %+v", got)
	}
}

func TestRecordOfKmsg(t *testing.T) {
	for in, want := range map[string]string{
		"6,339,5140900,-;NET: Registered \\xd1 protocol\n SUBSYSTEM=x\n":   "5.1409s NET: Registered \xd1 protocol",
		"4,1,0,-,caller=T1;neighbour: arp_cache: neighbor table overflow!": "0s neighbour: arp_cache: neighbor table overflow!",
		"30,2,5,-;systemd[1]: a program's":                                 "",
		"6,339,-1,-;a":                                                     "",
		"6,339;a":                                                          "",
		"6,339,1,-":                                                        "",
		"x,339,1,-;a":                                                      "",
		"":                                                                 "",
		"6,339,1,-;\\x4":                                                   `1µs \x4`,
	} {
		got := ""
		if since, text, ok := record([]byte(in)); ok {
			got = fmt.Sprintf("%v %s", since, text)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzRecordOfKmsg(f *testing.F) {
	f.Add([]byte("6,339,5140900,-;NET: Registered \\xd1 protocol\n SUBSYSTEM=x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if since, text, ok := record(b); ok && (since < 0 || len(text) > len(b)) {
			t.Errorf("%v %q", since, text)
		}
	})
}
