package textlog

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// written is a line that a test wrote, and what should be read of it.
type written struct {
	at     time.Time
	who    origin
	text   string // of the message, with the lines that continue it
	coarse bool
	wild   bool // its stamp is wrong
	raw    string
}

// form is how a log writes its lines.
type form int

const (
	formOwn form = iota
	formISO
	formClassic
	formBusybox
	forms
)

// style is what a random log is like.
type style struct {
	form form
	zone *time.Location
	// nasty: continuations, blocks of NUL, lines beyond all bounds, garbage.
	nasty bool
	// wild: stretches of wrong stamps.
	wild bool
	// step is how long it takes to the next line, on average.
	step time.Duration
}

var started = time.Date(2026, 11, 20, 22, 10, 0, 0, time.UTC)

// randomLog makes n lines whose stamps run backwards by up to the slack.
func randomLog(r *rand.Rand, s style, n int) (out []written) {
	t, wildUntil, wildBy, size := started, 0, time.Duration(0), 0
	for i := range n {
		t = t.Add(time.Duration(r.ExpFloat64() * float64(s.step)))
		at := t
		if r.Intn(3) == 0 {
			at = at.Add(-time.Duration(r.Int63n(int64(Slack))))
		}
		if s.wild && size > wildUntil+4*Stretch && r.Intn(40) == 0 {
			wildUntil, wildBy = size+Stretch/2, time.Duration(r.Intn(2000)-1000)*time.Hour+7*time.Minute
		}
		w := s.line(r, i, at, 0)
		if s.wild && size+2*len(w.raw) < wildUntil {
			w = s.line(r, i, at, wildBy)
			w.wild = true
		}
		if s.nasty && !w.wild { // which would make the stretch longer
			w.nasty(r)
		}
		size += len(w.raw)
		out = append(out, w)
	}
	return out
}

var people = []origin{engine, engine, kernel, somebody}

// line writes a line, with a stamp that is wrong by so much.
func (s style) line(r *rand.Rand, i int, at time.Time, wrong time.Duration) written {
	at = at.Add(wrong)
	w := written{who: people[r.Intn(len(people))], text: fmt.Sprintf(`line %d: memberlist said so%s`, i, strings.Repeat(" again", r.Intn(30)))}
	own := fmt.Sprintf(`time="%s" level=info msg="%s"`, at.In(s.zone).Format(time.RFC3339Nano), w.text)
	if s.form == formOwn {
		w.at, w.who, w.text, w.raw = at, engine, own, own+"\n"
		return w
	}
	w.at, w.coarse = at, true
	tag := map[origin]string{engine: "dockerd[77]", kernel: "kernel", somebody: "containerd[78]"}[w.who]
	logged := w.text
	switch {
	case w.who == kernel:
		logged = fmt.Sprintf("[%5d.%06d] %s", i, i, logged)
	case w.who == engine && r.Intn(2) == 0:
		w.text, logged, w.coarse = own, own, false
	}
	switch s.form {
	case formISO:
		w.coarse = false
		w.raw = fmt.Sprintf("%s n1 %s: %s\n", at.In(s.zone).Format("2006-01-02T15:04:05.999999999-07:00"), tag, logged)
		if !strings.Contains(w.raw[:28], ".") {
			w.coarse = true
		}
	case formClassic:
		w.raw = fmt.Sprintf("%s n1 %s: %s\n", at.In(s.zone).Format(time.Stamp), tag, logged)
	case formBusybox:
		w.raw = fmt.Sprintf("%s n1 daemon.info %s: %s\n", at.In(s.zone).Format(time.Stamp), tag, logged)
	}
	if w.coarse {
		w.at = at.Truncate(time.Second)
	}
	return w
}

// nasty puts behind a line what may stand between lines.
func (w *written) nasty(r *rand.Rand) {
	switch r.Intn(60) {
	case 0:
		w.text, w.raw = w.text+"\ngoroutine 1 [running]:\n\tmain.main()", w.raw+"goroutine 1 [running]:\r\n\tmain.main()\n\n"
	case 1:
		w.raw = strings.TrimSuffix(w.raw, "\n") + strings.Repeat("\x00", r.Intn(9000))
		w.raw += "\x00"
	case 2:
		long := strings.Repeat("long", r.Intn(3*MaxLine/4))
		w.text, w.raw = w.text+" "+long, strings.TrimSuffix(w.raw, "\n")+" "+long+"\n"
		// Of the line MaxLine bytes are read, and what is before the message is not of it.
		if over := len(w.raw) - 1 - MaxLine; over > 0 {
			w.text = w.text[:len(w.text)-over]
		}
	case 3:
		junk := make([]byte, 1+r.Intn(50))
		r.Read(junk)
		for i, b := range junk {
			if b == 0 || b == '\n' || b == '\r' {
				junk[i] = 0xff
			}
		}
		junk[0] = 0xfe
		w.text, w.raw = w.text+"\n"+string(junk), w.raw+string(junk)+"\n"
	}
}

func rawOf(log []written) []byte {
	var b bytes.Buffer
	for _, w := range log {
		b.WriteString(w.raw)
	}
	return b.Bytes()
}

// put writes a file as it was when the last line of the log was written.
func put(t testing.TB, name string, content []byte, at time.Time) string {
	t.Helper()
	if err := os.WriteFile(name, packed(t, filepath.Ext(name), content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
	return name
}

func packed(t testing.TB, ending string, content []byte) []byte {
	var b bytes.Buffer
	switch ending {
	case ".gz":
		w := gzip.NewWriter(&b)
		w.Write(content)
		w.Close()
	case ".zst":
		w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			t.Fatal(err)
		}
		w.Write(content)
		w.Close()
	default:
		return content
	}
	return b.Bytes()
}

// got is a copy of an entry.
type got struct {
	at     time.Time
	kernel bool
	text   string
}

func (g got) String() string {
	return fmt.Sprintf("%s %v %.100s", g.at.UTC().Format(time.RFC3339Nano), g.kernel, g.text)
}

func readAll(t testing.TB, path string, q Query) ([]got, Stats) {
	t.Helper()
	var out []got
	st, err := Read(t.Context(), path, q, func(e Entry) bool {
		out = append(out, got{e.At.UTC(), e.Kernel, string(e.Message)})
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if st.Entries != len(out) {
		t.Fatalf("%d entries counted, %d delivered", st.Entries, len(out))
	}
	return out, st
}
