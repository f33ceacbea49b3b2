package probe

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// hotel is n listeners on loopback that accept and close at once.
func hotel(tb testing.TB, n int) []netip.AddrPort {
	var targets []netip.AddrPort
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			tb.Fatal(err)
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			tb.Fatal(err)
		}
		if err := unix.Listen(fd, 1024); err != nil {
			tb.Fatal(err)
		}
		name, err := unix.Getsockname(fd)
		if err != nil {
			tb.Fatal(err)
		}
		targets = append(targets, addrPort(name))
		go func() {
			for {
				c, _, err := unix.Accept(fd)
				if err != nil {
					return
				}
				unix.Close(c)
			}
		}()
		tb.Cleanup(func() { unix.Shutdown(fd, unix.SHUT_RDWR); unix.Close(fd) })
	}
	return targets
}

// BenchmarkTCP connects 20000 times, once unpaced for the engine's own speed and
// once at a run's pace.
func BenchmarkTCP(b *testing.B) {
	targets := hotel(b, 4)
	ask := make([]fact.TCPProbe, 20000)
	for i := range ask {
		ask[i].Target = targets[i%len(targets)]
	}
	for name, gap := range map[string]time.Duration{"unpaced": 0, "paced": time.Second / perSecond} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				p := from(plain{})
				p.Budget = NewBudget(len(ask))
				p.Budget.gap = gap
				for _, got := range p.TCP(b.Context(), ask) {
					if got.Outcome != fact.Open {
						b.Fatalf("got %+v", got)
					}
				}
			}
			b.ReportMetric(float64(len(ask)*b.N)/b.Elapsed().Seconds(), "connects/s")
		})
	}
}

// BenchmarkTCPSilent reports the memory of 256 probes in flight, all silent.
func BenchmarkTCPSilent(b *testing.B) {
	ns := fresh(b)
	ip(b, ns, "link add hole type veth peer name end", "link set hole up", "link set end up", "addr add 10.9.9.1/24 dev hole",
		"neigh add 10.9.9.2 lladdr 02:00:00:00:00:01 dev hole")
	ask := make([]fact.TCPProbe, atOnce)
	for i := range ask {
		ask[i].Target = netip.AddrPortFrom(netip.MustParseAddr("10.9.9.2"), uint16(i+1))
	}
	var before, during runtime.MemStats
	for range b.N {
		runtime.GC()
		runtime.ReadMemStats(&before)
		time.AfterFunc(limit/2, func() { runtime.ReadMemStats(&during) })
		from(ns).TCP(b.Context(), ask)
	}
	b.ReportMetric(float64(int64(during.HeapInuse+during.StackInuse)-int64(before.HeapInuse+before.StackInuse))/1024, "KiB-in-flight")
}
