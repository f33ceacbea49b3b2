package casefile_test

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"fairway/internal/casefile"
)

// TestMemory: whatever a case says, reading it takes less than four times the
// size it may have.
func TestMemory(t *testing.T) {
	const size = 32 << 20
	list := healthy(t)[:1:1]
	many := func(name, before, one, after string, bytes int) entry {
		return file(name, before+strings.Repeat(one+",", bytes/(len(one)+1)-1)+one+after)
	}
	part := size/8 - 8192
	bombs := map[string][]entry{
		"empty values":     append(list, many("look-1/wanted.json", `{"Tasks":[`, `{}`, `]}`, part)),
		"just let in":      append(list, many("look-1/wanted.json", `{"Tasks":[`, `{}`, `]}`, size/700*3)),
		"nulls":            append(list, many("look-1/wanted.json", `{"Services":[`, `null`, `]}`, part)),
		"numbers":          append(list, many("look-1/wanted.json", `{"Services":[`, `1`, `]}`, part)),
		"empty words":      append(list, many("look-1/wanted.json", `{"Services":[{"Constraints":[`, `""`, `]}]}`, part)),
		"names of parts":   append(list, many("look-1/snapshot.json", `{"Parts":[`, `"nodes/1-/said.json"`, `]}`, part)),
		"looks in looks":   append(list, many("look-1/snapshot.json", `{"Earlier":{"Nodes":[`, `{"Kernel":{}}`, `]}}`, part)),
		"bytes no UTF-8":   append(list, file("look-1/wanted.json", `{"ClusterID":"`+strings.Repeat("\xff.", part/2)+`"}`)),
		"lines":            append(list, file("look-1/nodes/001-n1/log.txt", strings.Repeat("0001-01-01T00:00:00Z\t\t\n", part/23))),
		"lines of nothing": append(list, file("look-1/nodes/001-n1/log.txt", strings.Repeat("\n", part))),
		"the manifest":     append(list, many("manifest.json", `{"parts":[`, `{}`, `]}`, part)),
	}
	several := list
	for i := range 7 {
		several = append(several, many(fmt.Sprintf("look-1/nodes/%03d-n/kernel.json", i+1), `{"Namespaces":[{"Routes":[`, `{"Table":254,"Scope":253,"Proto":2,"Link":17,"Dst":"10.0.0.0/24","Gateway":"10.1.1.1"}`, `]}]}`, part))
	}
	bombs["many at the limit"] = several
	for name, entries := range bombs {
		t.Run(name, func(t *testing.T) {
			raw := packed(t, entries...)
			if got := highest(t, raw, size); got > 4*size {
				t.Errorf("reading took %d MiB, more than four times %d MiB", got>>20, size>>20)
			} else {
				t.Logf("%d MiB", got>>20)
			}
		})
	}
}

// TestMemoryOfFrames: neither do frames that declare much.
func TestMemoryOfFrames(t *testing.T) {
	const size = 32 << 20
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(4<<20), zstd.WithSingleSegment(true))
	must(t, err)
	_, err = z.Write(make([]byte, 2*size))
	must(t, err)
	must(t, z.Close())
	for _, raw := range [][]byte{b.Bytes(), {0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 1, 2, 0, 0}} {
		if got := highest(t, raw, size); got > 4*size {
			t.Errorf("reading took %d MiB", got>>20)
		}
	}
}

// highest is the most memory that objects on the heap took while a case was
// read, garbage among them.
func highest(t *testing.T, raw []byte, size int64) uint64 {
	t.Helper()
	runtime.GC()
	before := heap()
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		var top uint64
		for {
			select {
			case <-stop:
				most <- top
				return
			case <-time.After(200 * time.Microsecond):
				top = max(top, heap())
			}
		}
	}()
	c, err := casefile.Read(bytes.NewReader(raw), casefile.Limits{Size: size})
	end := heap()
	close(stop)
	if err == nil {
		t.Logf("read: cut %q, damage %.200q", c.Cut, c.Damage)
	} else {
		t.Log(err)
	}
	return max(<-most, end, before) - before
}

func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
