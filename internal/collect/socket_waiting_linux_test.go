package collect

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"fairway/internal/netns"
)

// TestConnectionsThatWait: two connections over IPv6 and one over IPv4 that
// nobody accepts, and one over IPv6 whose client has hung up.
func TestConnectionsThatWait(t *testing.T) {
	b := newBench(t)
	b.socket("default", unix.SOCK_STREAM, &unix.SockaddrInet6{Port: 8080}, 77, false)
	b.socket("default", unix.SOCK_STREAM, &unix.SockaddrInet6{Port: 8081}, 77, false)
	in, err := netns.Open(filepath.Join(b.dir, "default"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	connect := func(domain int, to unix.Sockaddr) int {
		fd, err := in.Socket(domain, unix.SOCK_STREAM, 0)
		if err == nil {
			err = unix.Connect(fd, to)
		}
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	loopback := &unix.SockaddrInet6{Port: 8080, Addr: [16]byte{15: 1}}
	for _, fd := range []int{connect(unix.AF_INET6, loopback), connect(unix.AF_INET6, loopback), connect(unix.AF_INET, &unix.SockaddrInet4{Port: 8080, Addr: [4]byte{127, 0, 0, 1}})} {
		t.Cleanup(func() { unix.Close(fd) })
	}
	unix.Close(connect(unix.AF_INET6, &unix.SockaddrInet6{Port: 8081, Addr: [16]byte{15: 1}}))
	gate := readModules(os.DirFS("/"), unameRelease(t)).diagnosis()
	need(t, "tcp_diag", gate.tcp)
	for name, g := range map[string]diagGate{"diagnosis": gate, "proc": {}} {
		req := b.request()
		req.Ports = []uint16{8080, 8081}
		todo, _ := req.spaces()
		for i := range todo {
			s := &todo[i]
			s.req, s.gate = &req, gates{diagGate: g}
			if s.held.Name != "host" {
				s.at.Close()
				continue
			}
			s.read(t.Context())
			for _, l := range s.held.Sockets {
				if want := map[uint16]uint32{8080: 2}[l.Local.Port()]; l.Proto == "tcp" && (l.Queue == 0 || l.Waiting6 != want) {
					t.Errorf("%s: %v: %d wait, want %d (queue %d)", name, l.Local, l.Waiting6, want, l.Queue)
				}
			}
			if len(s.held.Sockets) < 2 || len(s.gaps) > 0 {
				t.Errorf("%s: %+v %v", name, s.held.Sockets, s.gaps)
			}
		}
	}
}
