package journal

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// captured are journals that systemd 257's systemd-journal-remote wrote, all of
// the same entries (entries.export.gz): old is neither keyed nor compact (lz4), lz4
// is both, zstd is compact, xz is keyed.
var captured = []string{"old", "lz4", "zstd", "xz"}

func unzipped(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// inMemory reads one journal that is no file.
func inMemory(ctx context.Context, data io.ReaderAt, size int64, q Query, each func(Entry) bool) (Stats, error) {
	r := newReader(ctx, q)
	f, err := newFile("memory", data, size, &r.pages)
	if err != nil {
		return Stats{}, err
	}
	r.files = append(r.files, f)
	err = r.merge(each)
	return r.done(), err
}

// lines are all wanted lines of a journal in memory, and what was damaged.
func lines(t testing.TB, data io.ReaderAt, size int64, q Query) ([]line, []string) {
	t.Helper()
	var out []line
	s, err := inMemory(t.Context(), data, size, q, func(e Entry) bool {
		out = append(out, line{e.At.UnixMicro(), e.Kernel, string(e.Message)})
		return true
	})
	if err != nil {
		return nil, []string{err.Error()}
	}
	return out, s.Damage
}

func TestCaptured(t *testing.T) {
	all := exported(t, unzipped(t, "entries.export"))
	made, last := made(78, 60)
	everything := Query{Engine: true, Kernel: true, Units: []string{"my-engine.service"}}
	same(t, wanted(all, everything), wanted(made, everything))
	for _, name := range captured {
		b := unzipped(t, name+".journal")
		r := rand.New(rand.NewPCG(1, 1))
		got, damage := lines(t, bytes.NewReader(b), int64(len(b)), everything)
		same(t, got, wanted(all, everything))
		for range 200 {
			from := r.Int64N(last)
			q := between(from, from+r.Int64N(last/2))
			q.Engine, q.Kernel = r.IntN(3) > 0, r.IntN(2) > 0
			more, hurt := lines(t, bytes.NewReader(b), int64(len(b)), q)
			same(t, more, wanted(all, q))
			damage = append(damage, hurt...)
		}
		if len(got) < 20 || len(damage) > 0 {
			t.Errorf("%s: %d lines, damage %q", name, len(got), damage)
		}
	}
}

// TestRescue reads the same entries without the indexes of fields.
func TestRescue(t *testing.T) {
	q := Query{Engine: true, Kernel: true}
	for _, name := range captured {
		b := unzipped(t, name+".journal")
		want, _ := lines(t, bytes.NewReader(b), int64(len(b)), q)
		// The table of fields points out of the file.
		le.PutUint64(b[104:], 1<<40)
		got, damage := lines(t, bytes.NewReader(b), int64(len(b)), q)
		same(t, got, want)
		if len(damage) != 1 {
			t.Errorf("%s: damage %q", name, damage)
		}
	}
}

// flipped is a journal with one wrong bit.
type flipped struct {
	*bytes.Reader
	at  int64
	bit byte
}

func (f flipped) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.Reader.ReadAt(b, off)
	if i := f.at - off; i >= 0 && i < int64(n) {
		b[i] ^= f.bit
	}
	return n, err
}

// TestFlippedBits reads journals with one wrong bit in the header or in an object.
// No line may be lost without a word.
func TestFlippedBits(t *testing.T) {
	q := Query{Engine: true, Kernel: true}
	for _, name := range captured {
		b := unzipped(t, name+".journal")
		want, _ := lines(t, bytes.NewReader(b), int64(len(b)), q)
		objects := int64(le.Uint64(b[136:])) - 45_000
		r := rand.New(rand.NewPCG(2, 2))
		lost, silent, told := 0, 0, 0
		const flips = 500
		for i := range flips {
			f := flipped{bytes.NewReader(b), objects + r.Int64N(45_000), 1 << r.IntN(8)}
			if i%10 == 0 {
				f.at = r.Int64N(272)
			}
			got, damage := lines(t, f, int64(len(b)), q)
			if len(damage) > 0 {
				told++
			}
			if n := len(want) - len(got); n > 0 {
				lost += n
				if len(damage) == 0 {
					silent++
				}
			}
		}
		t.Logf("%s: of %d × %d lines %d were lost; %d flips were told, %d lost lines silently", name, flips, len(want), lost, told, silent)
		if silent > 0 {
			t.Errorf("%s: %d of %d flips lost lines silently", name, silent, flips)
		}
	}
}

// TestTruncated cuts journals everywhere: what is delivered is right, and what is
// missing is told.
func TestTruncated(t *testing.T) {
	q := Query{Engine: true, Kernel: true}
	for _, name := range captured {
		b := unzipped(t, name+".journal")
		want, _ := lines(t, bytes.NewReader(b), int64(len(b)), q)
		end := int(le.Uint64(b[136:]))
		read := 0
		for cut := end - 60_000; cut < end+2000; cut += 997 {
			got, damage := lines(t, bytes.NewReader(b[:cut]), int64(cut), q)
			if len(damage) == 0 {
				t.Fatalf("%s cut at %d: %d of %d lines, and no damage", name, cut, len(got), len(want))
			}
			same(t, got, want[:len(got)])
			read += len(got)
		}
		if read == 0 {
			t.Errorf("%s: nothing was read from any of them", name)
		}
	}
	b := unzipped(t, "old.journal")
	for cut := range 300 {
		if got, damage := lines(t, bytes.NewReader(b[:cut]), int64(cut), q); len(got) > 0 || len(damage) == 0 {
			t.Fatalf("cut at %d: %d lines, damage %q", cut, len(got), damage)
		}
	}
}
