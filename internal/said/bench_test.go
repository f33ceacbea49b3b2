package said

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// noise are lines that engines write day and night and that mean nothing to us: real
// ones, with a place for a number.
var noise = []string{
	`time="2026-11-23T11:18:45.059723604Z" level=warning msg="Error getting v2 registry: Get \"https://registry.example/v2/\": dial tcp: lookup registry.example on 127.0.0.1:%d: read udp 127.0.0.1:41822->127.0.0.1:53: read: connection refused"`,
	`time="2026-11-23T11:18:45.159723604Z" level=error msg="fatal task error" error="no command specified" module=node/agent/taskmanager node.id=r39qrfj7pgzjkczm9kbh0ke0f service.id=56b8ybo8qfmakqr0cbl5sea8k task.id=2ilkd0nwuahk5xq%d`,
	`time="2026-11-23T11:23:31.432120962Z" level=debug msg="(*worker).reconcileVolumes" len(removedVolumes)=0 len(updatedVolumes)=%d module=node/agent node.id=r39qrfj7pgzjkczm9kbh0ke0f`,
	`time="2026-11-23T11:18:39.289601209Z" level=info msg="waiting %dms before registering session" module=node/agent node.id=r39qrfj7pgzjkczm9kbh0ke0f`,
	`time="2026-11-23T11:19:02.512301112Z" level=info msg="ignoring event" container=1dad2f0f5c8b1dad2f0f5c8b1dad2f0f5c8b%d module=libcontainerd namespace=moby topic=/tasks/delete type="*events.TaskDelete"`,
	`time="2026-11-23T11:19:02.512301112Z" level=info msg="shim disconnected" id=1dad2f0f5c8b1dad2f0f5c8b1dad2f0f5c8b%d namespace=moby`,
	`time="2026-11-23T11:19:03.000000112Z" level=debug msg="Calling GET /v1.44/containers/json?all=1&limit=%d" spanID=9d0a0ddde traceID=4ac01`,
	`time="2026-11-23T11:19:03.100000112Z" level=debug msg="2a16cad9c4c1: Initiating  bulk sync for networks [kd35zt2x94k2jcq2nlrcldenc] with node %d"`,
	`time="2026-11-23T11:19:03.200000112Z" level=debug msg="memberlist: Stream connection from=10.77.0.12:%d"`,
	`time="2026-11-23T11:19:03.300000112Z" level=debug msg="sending heartbeat to manager { } with timeout 5s" method="(*session).heartbeat" module=node/agent node.id=r39q session.id=%d`,
	`time="2026-11-23T11:19:03.400000112Z" level=debug msg="(*session).start" module=node/agent node.id=r39qrfj7pgzjkczm9kbh0ke0f task.count=%d`,
	`time="2026-11-23T11:19:03.500000112Z" level=debug msg="Name To resolve: api.example.internal.%d."`,
	`time="2026-11-23T11:19:03.600000112Z" level=debug msg="[resolver] query api.example.internal. (A) from 172.18.0.4:%d, forwarding to udp:10.0.0.2"`,
}

// bigLog is a log of at least so many bytes in which one line in 500 means something.
func bigLog(size int) []byte {
	var b bytes.Buffer
	b.Grow(size + 1<<10)
	for i := 0; b.Len() < size; i++ {
		if i%500 == 499 {
			fmt.Fprintf(&b, "time=\"2026-11-23T11:21:00Z\" level=info msg=\"memberlist: Suspect %012x has failed, no acks received\"\n", i)
			continue
		}
		fmt.Fprintf(&b, noise[i*7%len(noise)]+"\n", i)
	}
	return b.Bytes()
}

// BenchmarkScan is the pre-filter over a log in memory.
func BenchmarkScan(b *testing.B) {
	data := bigLog(64 << 20)
	b.SetBytes(int64(len(data)))
	lines := 0
	for b.Loop() {
		lines = 0
		Scan(data, func([]byte) { lines++ })
	}
	b.ReportMetric(float64(lines), "lines")
}

// BenchmarkReadKnown and BenchmarkReadUnknown are one line each, as collecting reads it.
func BenchmarkReadKnown(b *testing.B) { benchmarkRead(b, secretLines[8].line) }

func BenchmarkReadUnknown(b *testing.B) { benchmarkRead(b, noise[1]) }

func benchmarkRead(b *testing.B, line string) {
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		Read("engine", someTime, line)
	}
}

func BenchmarkMask(b *testing.B) {
	line := strings.Join(noise, "\n")
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		Mask(line)
	}
}

// logVariable names a file to scan. One that is not there is made, of the size the
// table of `make bench` names, with the literals for grep beside it.
const logVariable = "FAIRWAY_SAID_LOG"

// BenchmarkFile scans a log on disk from its first byte to its last.
func BenchmarkFile(b *testing.B) {
	path, size := os.Getenv(logVariable), 290_000_000
	if path == "" {
		path, size = filepath.Join(b.TempDir(), "engine.log"), 8<<20
	}
	if _, err := os.Stat(path); err != nil {
		write(b, path, bigLog(size))
		write(b, path+".literals", []byte(strings.Join(Literals(), "\n")+"\n"))
	}
	buf, lines := make([]byte, 1<<20), 0
	for b.Loop() {
		lines = scanFile(b, path, buf)
	}
	b.ReportMetric(float64(lines), "lines")
}

func write(b *testing.B, path string, data []byte) {
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
}

// scanFile counts the lines with a meaning; no line is longer than buf.
func scanFile(b *testing.B, path string, buf []byte) (lines int) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for kept := 0; ; {
		n, err := f.Read(buf[kept:])
		whole := bytes.LastIndexByte(buf[:kept+n], '\n') + 1
		if err != nil {
			whole = kept + n
		}
		Scan(buf[:whole], func([]byte) { lines++ })
		kept = copy(buf, buf[whole:kept+n])
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

var someTime = time.Unix(1795432740, 0)
