package textlog

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The log of the benchmark: a week of a busy engine, 1.5 million lines. The window
// is an hour of its fifth day.
const (
	benchSize = 290_000_000
	benchStep = 400 * time.Millisecond
)

var (
	benchStart = time.Date(2023, 11, 13, 0, 0, 0, 0, time.UTC)
	benchFrom  = time.Date(2023, 11, 17, 14, 0, 0, 0, time.UTC)
	benchTo    = benchFrom.Add(time.Hour)
)

// BenchmarkWindow takes an hour out of 290 MB. FAIRWAY_TEXTLOG names a log to make
// once and to keep; `make bench` has awk count the same lines.
func BenchmarkWindow(b *testing.B) {
	path := os.Getenv("FAIRWAY_TEXTLOG")
	if path == "" {
		path = filepath.Join(b.TempDir(), "docker.log")
	}
	if i, err := os.Stat(path); err != nil || i.Size() < benchSize {
		if err := benchLog(path); err != nil {
			b.Fatal(err)
		}
	}
	q := Query{From: benchFrom, To: benchTo, Engine: true, Own: true}
	n, size := 0, 0
	for b.Loop() {
		n, size = 0, 0
		if _, err := Read(b.Context(), path, q, func(e Entry) bool { n++; size += len(e.Message); return true }); err != nil {
			b.Fatal(err)
		}
	}
	if n < 8000 || size < 1<<20 {
		b.Fatalf("%d lines, %d bytes", n, size)
	}
	b.ReportMetric(float64(n), "lines")
}

// benchLog writes lines like those of dockerd in a Swarm, at debug level.
func benchLog(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	at := benchStart
	for n, size := 0, 0; size < benchSize; n++ {
		stamp := at.Format("2006-01-02T15:04:05.000000000Z07:00")
		var k int
		switch n % 5 {
		case 0:
			k, err = fmt.Fprintf(w, "time=\"%s\" level=info msg=\"NetworkDB stats n1(2a16cad9c4c1) - netID:q7v0%08x leaving:false netPeers:3 entries:%d Queue qLen:0 netMsg/s:0\"\n", stamp, n, n%900)
		case 1:
			k, err = fmt.Fprintf(w, "time=\"%s\" level=debug msg=\"memberlist: Stream connection from=10.77.0.%d:%d\"\n", stamp, n%250, 30000+n%30000)
		case 2:
			k, err = fmt.Fprintf(w, "time=\"%s\" level=debug msg=\"checkEncryption(q7v0%08x, 10.77.0.12, true)\" module=libnetwork node.id=5w2n4m%06d method=overlay spanID=%016x traceID=%032x\n", stamp, n, n%900000, n, n)
		case 3:
			k, err = fmt.Fprintf(w, "time=\"%s\" level=warning msg=\"rmServiceBinding handleEpTableEvent %064x possible transient state ok:false entries:0 set:false\"\n", stamp, n)
		case 4:
			k, err = fmt.Fprintf(w, "time=\"%s\" level=debug msg=\"received heartbeat from worker {[swarm-worker] <nil> 5w2n4m%06d}, expect next heartbeat in 5.%09ds\" method=\"(*Dispatcher).Heartbeat\" module=node node.id=%025d\n", stamp, n, n%1e9, n)
		}
		if err != nil {
			return err
		}
		size += k
		at = at.Add(benchStep)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
