package textlog

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// FuzzRead gives any bytes for the live file and for a rotated one: what comes out
// is bounded, of the window, and the same as without a search for its start.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		string(plainLog(0, 3)),
		"Nov 20 22:10:01 n1 kernel: [  1.000000] a\n\tcontinued\n\x00\x00Nov 20 22:10:02 n1 daemon.info dockerd[1]: b",
		"2026-11-20T22:10:05.5+01:00 n1 dockerd[1]: time=\"2026-11-20T22:10:05Z\" level=info msg=c\r\n\r\n",
	} {
		for _, ending := range []byte{0, 1, 2, 3, 7} {
			f.Add([]byte(seed), packed(f, endings[ending%4], []byte(seed)), ending)
		}
	}
	f.Fuzz(func(t *testing.T, live, rotated []byte, kind byte) {
		path := filepath.Join(t.TempDir(), "syslog")
		must(t, os.WriteFile(path, live, 0o600))
		must(t, os.WriteFile(path+".1"+endings[kind%4], rotated, 0o600))
		must(t, os.Chtimes(path, secondNo(9999), secondNo(9999)))
		q := Query{From: secondNo(0), To: secondNo(1000), Engine: true, Kernel: true, Own: kind&4 != 0}
		n := 0
		_, err := Read(t.Context(), path, q, func(e Entry) bool {
			if n++; len(e.Message) > MaxLine || e.At.Before(q.From.Truncate(time.Second)) || e.At.After(q.To) {
				t.Errorf("%v %.200q", e.At, e.Message)
			}
			return n < 10000
		})
		if err != nil {
			t.Error(err)
		}
	})
}

var endings = []string{"", ".gz", ".zst", ".bz2"}

// strict is RFC 3339; package time takes an hour of one digit, too.
var strict = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$`)

// FuzzStamp: the engine's stamp is read as package time reads it.
func FuzzStamp(f *testing.F) {
	for _, s := range []string{"2026-11-23T10:00:00.123456789Z", "2026-02-29T23:59:59+05:30", "0001-01-01T00:00:00-23:59", "2026-11-23T10:00:60Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := newClock(nil, started).read([]byte(`time="` + s + `" level=info msg=a`))
		want, err := time.Parse(time.RFC3339Nano, s)
		if err == nil && strict.MatchString(s) && s[:4] != "0000" && (!ok || !got.at.Equal(want)) {
			t.Errorf("%q: %v %v, want %v", s, got.at, ok, want)
		}
		newClock(nil, started).read([]byte(s)) // the other forms
	})
}

// FuzzLines: cut into lines is what bytes cuts.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\n\x00c"), 3)
	f.Add(bytes.Repeat([]byte("long"), MaxLine), 5)
	f.Fuzz(func(t *testing.T, b []byte, chunk int) {
		var want [][]byte
		for _, l := range bytes.FieldsFunc(b, func(r rune) bool { return r == '\n' || r == 0 }) {
			l = bytes.TrimSuffix(l[:min(len(l), MaxLine)], []byte("\r"))
			if len(l) > 0 {
				want = append(want, l)
			}
		}
		var l lines
		l.reset(iotest{bytes.NewReader(b), max(1, chunk%5000)}, 0, false)
		for i := 0; ; i++ {
			line, at, ok := l.next()
			if !ok {
				if i != len(want) || l.trouble() != nil {
					t.Errorf("%d lines, want %d; %v", i, len(want), l.err)
				}
				return
			}
			if i >= len(want) || !bytes.Equal(line, want[i]) || !bytes.HasPrefix(b[at:], line) {
				t.Fatalf("line %d at %d is %.100q", i, at, line)
			}
		}
	})
}

// iotest reads a few bytes at a time.
type iotest struct {
	r interface{ Read([]byte) (int, error) }
	n int
}

func (i iotest) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, errors.New("asked for nothing")
	}
	return i.r.Read(b[:min(len(b), i.n)])
}
