package journal

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// kinds are the flags of files that are made.
var kinds = []uint32{0, flagKeyed, flagCompact, flagKeyed | flagCompact | flagZstd, flagLZ4, flagKeyed | flagXZ}

// TestSmall makes sure that what is fuzzed is a journal.
func TestSmall(t *testing.T) {
	for _, flags := range kinds {
		all, last := made(uint64(flags), 60)
		b := small(t, flags, all)
		for _, q := range []Query{{Engine: true, Kernel: true}, between(last/4, last/2)} {
			got, damage := lines(t, bytes.NewReader(b), int64(len(b)), q)
			if same(t, got, wanted(all, q)); len(damage) > 0 {
				t.Errorf("flags %#x: damage %q", flags, damage)
			}
		}
	}
}

// FuzzRead reads any bytes as a journal. What it delivers is of the window and has
// its bounds.
func FuzzRead(f *testing.F) {
	for _, flags := range kinds {
		all, last := made(uint64(flags), 6)
		f.Add(small(f, flags, all), uint64(start.UnixMicro()+last/5), uint64(start.UnixMicro()+last))
	}
	f.Fuzz(func(t *testing.T, b []byte, from, to uint64) {
		q := Query{From: time.UnixMicro(int64(from >> 1)), To: time.UnixMicro(int64(to >> 1)), Engine: true, Kernel: true}
		n := 0
		s, err := inMemory(t.Context(), bytes.NewReader(b), int64(len(b)), q, func(e Entry) bool {
			n++
			if e.At.Before(q.From) || e.At.After(q.To) || len(e.Message) > maxMessage {
				t.Fatalf("%v with %d bytes", e.At, len(e.Message))
			}
			return true
		})
		if err == nil && (s.Entries != n || n > len(b)/entryLen || len(s.Damage) > 1) {
			t.Fatalf("%d entries of %d bytes: %+v", n, len(b), s)
		}
	})
}

// zeros is a file full of nothing, as a sparse one is, with something at its start.
type zeros struct {
	head []byte
	size int64
}

func (z zeros) ReadAt(b []byte, off int64) (int, error) {
	clear(b)
	if off < int64(len(z.head)) {
		copy(b, z.head[off:])
	}
	if left := z.size - off; left < int64(len(b)) {
		return int(max(0, left)), io.EOF
	}
	return len(b), nil
}

// TestHostile reads journals that were made to keep us busy, or to fill memory.
func TestHostile(t *testing.T) {
	line := fields{{"__REALTIME_TIMESTAMP", fmt.Sprint(start.UnixMicro())}, {"_SYSTEMD_UNIT", "docker.service"}}
	bomb := func(flags uint32, n int) []byte {
		all := []fields{append(line, [2]string{"MESSAGE", strings.Repeat("a", n)})}
		for range 50 {
			all = append(all, all[0])
		}
		return small(t, flags, all)
	}
	several := make([]fields, 40)
	for i := range several {
		several[i] = append(line, [2]string{"MESSAGE", fmt.Sprint(i)})
	}
	for name, c := range map[string]struct {
		b     []byte
		harm  func(b []byte)
		lines int
	}{
		"zstd bomb":         {bomb(flagZstd, 20<<20), nil, 0},
		"lz4 bomb":          {bomb(flagLZ4, 6<<20), nil, 0},
		"xz bomb":           {bomb(flagXZ, 6<<20), nil, 51},
		"large line":        {bomb(flagZstd, 3<<20), nil, 51},
		"xz dictionary":     {bomb(flagXZ, 200), func(b []byte) { set(b, "\x21\x01", 2, 40) }, 0},
		"lz4 size":          {bomb(flagLZ4, 200), func(b []byte) { set(b, "\xd0\x00\x00\x00\x00\x00\x00\x00", 6, 0x7f) }, 0},
		"many entries":      {small(t, 0, several), func(b []byte) { le.PutUint64(b[152:], 1<<60) }, 40},
		"arrays in a loop":  {small(t, 0, several), loop, 0},
		"table in the air":  {small(t, 0, several), func(b []byte) { le.PutUint64(b[104:], ^uint64(0)-7) }, 40},
		"table of no size":  {small(t, 0, several), func(b []byte) { le.PutUint64(b[112:], 0) }, 40},
		"header of no size": {small(t, 0, several), func(b []byte) { le.PutUint64(b[88:], 8) }, 0},
		"another version":   {small(t, 0, several), func(b []byte) { b[12] = 0x80 }, 0},
	} {
		if c.harm != nil {
			c.harm(c.b)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		got, damage := lines(t, zeros{c.b, 1 << 40}, 1<<40, Query{Engine: true})
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		if c.lines > 0 && len(got) != c.lines {
			t.Errorf("%s: %d lines; %q", name, len(got), damage)
		}
		if more := after.HeapSys - before.HeapSys; took > 20*time.Second || int64(more) > 128<<20 {
			t.Errorf("%s: took %v and %d MiB", name, took, more>>20)
		}
		t.Logf("%s: %d lines in %v; %q", name, len(got), took, damage)
	}
}

// set changes the byte that is so far behind a text.
func set(b []byte, behind string, by int, to byte) {
	b[bytes.Index(b, []byte(behind))+by] = to
}

// loop lets every array of entries be followed by the first.
func loop(b []byte) {
	first := uint64(0)
	for off := uint64(madeHeader); off < uint64(len(b)); off += (le.Uint64(b[off+8:]) + 7) &^ 7 {
		if b[off] == kindArray {
			if first == 0 {
				first = off
			}
			le.PutUint64(b[off+16:], first)
		}
	}
}
