package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// line is what a test compares: an entry as it was delivered.
type line struct {
	at     int64 // microseconds since 1970
	kernel bool
	text   string
}

func (l line) String() string {
	text := l.text
	if len(text) > 60 {
		text = fmt.Sprintf("%s… (%d bytes)", text[:60], len(text))
	}
	return fmt.Sprintf("%d kernel=%v %q", l.at, l.kernel, text)
}

// collect reads all that a query finds.
func collect(t *testing.T, q Query, dirs ...string) ([]line, Stats) {
	t.Helper()
	var out []line
	s, err := Read(t.Context(), dirs, q, func(e Entry) bool {
		out = append(out, line{e.At.UnixMicro(), e.Kernel, string(e.Message)})
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Entries != len(out) {
		t.Errorf("%d entries in the statistics, %d delivered", s.Entries, len(out))
	}
	return out, s
}

// same fails the test at the first difference.
func same(t *testing.T, got, want []line) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("line %d of %d: got %v, want %v", i, len(want), got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("got %d lines, want %d", len(got), len(want))
	}
}

// start is when the entries that tests make begin.
var start = time.Unix(1700000000, 0)

// between is a window in microseconds after start.
func between(from, to int64) Query {
	return Query{From: start.Add(time.Duration(from) * time.Microsecond), To: start.Add(time.Duration(to) * time.Microsecond),
		Engine: true, Kernel: true}
}

// fields are those of one entry.
type fields [][2]string

// export writes an entry as journalctl -o export does and systemd-journal-remote
// reads (Journal Export Formats).
func (f fields) export(w *bytes.Buffer) {
	for _, kv := range f {
		if strings.Contains(kv[1], "\n") {
			w.WriteString(kv[0] + "\n")
			binary.Write(w, binary.LittleEndian, uint64(len(kv[1])))
			w.WriteString(kv[1] + "\n")
			continue
		}
		w.WriteString(kv[0] + "=" + kv[1] + "\n")
	}
	w.WriteByte('\n')
}

// made makes n entries as a host with Docker has them; the last is at the returned
// number of microseconds after start.
func made(seed uint64, n int) ([]fields, int64) {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []fields
	var at int64
	for i := range n {
		// Some share their microsecond.
		at += r.Int64N(4) * r.Int64N(400_000)
		f := fields{{"__REALTIME_TIMESTAMP", strconv.FormatInt(start.UnixMicro()+at, 10)},
			{"__MONOTONIC_TIMESTAMP", strconv.FormatInt(5_000_000+at, 10)},
			{"_BOOT_ID", "0123456789abcdef0123456789abcdef"}, {"_HOSTNAME", "n1"}, {"_MACHINE_ID", "fedcba9876543210fedcba9876543210"},
			{"PRIORITY", strconv.Itoa(r.IntN(8))}, {"_PID", strconv.Itoa(1000 + r.IntN(50))}}
		out = append(out, slices.Concat(f, writers[r.IntN(len(writers))], said(r, i)))
	}
	return out, at
}

// writers are who an entry is from.
var writers = []fields{
	{{"_TRANSPORT", "stdout"}, {"_SYSTEMD_UNIT", "docker.service"}, {"SYSLOG_IDENTIFIER", "dockerd"}, {"_COMM", "dockerd"}},
	{{"_TRANSPORT", "stdout"}, {"_SYSTEMD_UNIT", "snap.docker.dockerd.service"}, {"SYSLOG_IDENTIFIER", "docker.dockerd"}},
	{{"_TRANSPORT", "syslog"}, {"_SYSTEMD_UNIT", "session-1.scope"}, {"SYSLOG_IDENTIFIER", "dockerd"}},
	{{"_TRANSPORT", "journal"}, {"_SYSTEMD_UNIT", "my-engine.service"}, {"SYSLOG_IDENTIFIER", "engine"}, {"_COMM", "engine"}},
	{{"_TRANSPORT", "journal"}, {"_SYSTEMD_UNIT", "docker.service"}, {"_COMM", "dockerd"}, {"CONTAINER_ID", "0a1b2c3d4e5f"}, {"CONTAINER_NAME", "db.1"}},
	{{"_TRANSPORT", "audit"}, {"SYSLOG_IDENTIFIER", "audit"}, {"_COMM", "dockerd"}},
	{{"_TRANSPORT", "kernel"}, {"SYSLOG_IDENTIFIER", "kernel"}},
	{{"_TRANSPORT", "syslog"}, {"_SYSTEMD_UNIT", "ssh.service"}, {"SYSLOG_IDENTIFIER", "sshd"}, {"_COMM", "sshd"}},
	{{"_TRANSPORT", "stdout"}, {"_SYSTEMD_UNIT", "cron.service"}, {"SYSLOG_IDENTIFIER", "CRON"}},
}

// said is a message: short, the same again, long enough to be packed, random
// bytes, of several lines, empty, or none.
func said(r *rand.Rand, i int) fields {
	text := fmt.Sprintf("level=warning msg=\"line %d\"", i)
	switch r.IntN(14) {
	case 0, 1:
		text = "memberlist: Suspect n2-0123456789ab has failed, no acks received"
	case 2:
		text += strings.Repeat(" NetworkDB stats n1", 40+r.IntN(400))
	case 3:
		b := make([]byte, 600+r.IntN(3000))
		for i := range b {
			b[i] = byte(r.UintN(256))
		}
		text += string(b)
	case 4:
		text += "\n\tgoroutine 1\n"
	case 5:
		text = ""
	case 6:
		return fields{{"OTHER", text}}
	case 7:
		return fields{{"BLOB", strings.Repeat(text, 100)}, {"MESSAGE", text}}
	}
	return fields{{"MESSAGE", text}}
}

// wanted is what [Read] makes of entries: the units are those of the query.
func wanted(all []fields, q Query) []line {
	var out []line
	for _, f := range all {
		m := map[string]string{}
		for _, kv := range f {
			m[kv[0]] = kv[1]
		}
		text, ok := m["MESSAGE"]
		at, _ := strconv.ParseInt(m["__REALTIME_TIMESTAMP"], 10, 64)
		unit := m["_SYSTEMD_UNIT"]
		kernel := m["_TRANSPORT"] == "kernel"
		engine := unit == "docker.service" || unit == "snap.docker.dockerd.service" || slices.Contains(q.Units, unit) ||
			m["SYSLOG_IDENTIFIER"] == "dockerd" || m["_COMM"] == "dockerd"
		if !ok || m["CONTAINER_ID"] != "" || m["_TRANSPORT"] == "audit" || !(q.Engine && engine || q.Kernel && kernel) {
			continue
		}
		if !q.From.IsZero() && at < q.From.UnixMicro() || !q.To.IsZero() && at > q.To.UnixMicro() {
			continue
		}
		out = append(out, line{at, kernel, text})
	}
	return out
}

// exported reads what journalctl -o export wrote.
func exported(t *testing.T, b []byte) []fields {
	t.Helper()
	var out []fields
	var f fields
	for len(b) > 0 {
		row, rest, _ := bytes.Cut(b, []byte("\n"))
		name, value, plain := strings.Cut(string(row), "=")
		switch {
		case len(row) == 0:
			out, f = append(out, f), nil
		case plain:
			f = append(f, [2]string{name, value})
		default:
			n := binary.LittleEndian.Uint64(rest)
			f = append(f, [2]string{name, string(rest[8 : 8+n])})
			rest = rest[8+n+1:]
		}
		b = rest
	}
	return out
}

func exportOf(all []fields) io.Reader {
	var b bytes.Buffer
	for _, f := range all {
		f.export(&b)
	}
	return &b
}
