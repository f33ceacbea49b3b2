package probe

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fairway/internal/fact"
)

// late opens a connected socket, lets ready happen, and then lets its time be
// over before anybody looked.
func late(t *testing.T, typ int, target netip.AddrPort, ready func(fd int)) (context.Context, *socket) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	domain, to, err := sockaddr(target)
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(ctx, plain{}, domain, typ, 0, func(fd int) error {
		if err := unix.Connect(fd, to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
			return err
		}
		ready(fd)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	cancel()
	if err := s.file.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	return ctx, s
}

func poll(fd int, events int16) {
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, 5000)
}

// On a busy machine we come too late to look: what lies there still counts.
func TestAnAnswerThatLiesThereCounts(t *testing.T) {
	t.Parallel()
	_, s := late(t, unix.SOCK_STREAM, listen(t, plain{}, loopback, 1), func(fd int) { poll(fd, unix.POLLOUT) })
	if err := s.connected(); err != nil {
		t.Errorf("connected: %v", err)
	}
	_, s = late(t, unix.SOCK_STREAM, closedPort(t), func(fd int) { poll(fd, unix.POLLOUT) })
	if err := s.connected(); outcome(err, nil) != fact.Refused {
		t.Errorf("refused: %v", err)
	}
	_, s = late(t, unix.SOCK_STREAM, deaf(t, plain{}, loopback), func(int) {})
	if err := s.connected(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silent: %v", err)
	}
}

func TestReceiveComesLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		queued int
		want   byte
		err    error
	}{
		"the answer lies there":    {3, 2, nil},
		"nothing of use":           {3, 9, os.ErrDeadlineExceeded},
		"a flood that hides it":    {burst + 10, 255, os.ErrDeadlineExceeded},
		"nothing has come at all ": {0, 0, os.ErrDeadlineExceeded},
	} {
		sender, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(sender)
		if err := unix.Bind(sender, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
		from, _ := unix.Getsockname(sender)
		ctx, s := late(t, unix.SOCK_DGRAM, addrPort(from), func(fd int) {
			// Room for the flood: the kernel counts far more than the bytes.
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
			to, _ := unix.Getsockname(fd)
			for i := range c.queued {
				_ = unix.Sendto(sender, []byte{byte(i % 250)}, 0, to)
			}
		})
		got := s.receive(ctx, make([]byte, 16), func(b []byte, _ bool) bool { return b[0] == c.want })
		if !errors.Is(got, c.err) {
			t.Errorf("%s: got %v, want %v", name, got, c.err)
		}
	}
}

func TestParseRefusal(t *testing.T) {
	t.Parallel()
	b := make([]byte, 32)
	b[4], b[5], b[6] = unix.SO_EE_ORIGIN_ICMP, 3, 13
	b[0] = byte(unix.EHOSTUNREACH)
	b[16] = unix.AF_INET
	copy(b[20:], []byte{10, 9, 1, 1})
	want := fact.ICMPError{Type: 3, Code: 13, From: netip.MustParseAddr("10.9.1.1")}
	if r, ok := parseRefusal(b); !ok || r.errno != unix.EHOSTUNREACH || r.icmp == nil || *r.icmp != want {
		t.Errorf("got %+v", r)
	}
}

func FuzzParseRefusal(f *testing.F) {
	f.Add(make([]byte, 16))
	f.Add([]byte{90, 0, 0, 0, 2, 3, 4, 0, 20, 5, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 10, 9, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := parseRefusal(b); ok && r.icmp != nil && r.icmp.From.Is4In6() {
			t.Errorf("got %+v", r)
		}
	})
}

// Whatever a router quotes, it can only speak of sizes that were sent, and only
// of smaller ones that would do.
func FuzzRefusedEcho(f *testing.F) {
	f.Add(uint32(1300), []byte{8, 0, 0, 0, 0, 7, 0, 1})
	f.Fuzz(func(t *testing.T, fits uint32, quoted []byte) {
		e := &echo{ladder: newLadder(), id: 7, sent: []sentEcho{{size: 1450}, {size: 700}}}
		e.refused(refusal{errno: unix.EMSGSIZE, icmp: &fact.ICMPError{Type: 3, Code: 4}, info: fits, quoted: quoted})
		for size := range e.ladder.tooBig {
			if size != 1450 && size != 700 {
				t.Errorf("size %d was never sent", size)
			}
		}
		if told := e.ladder.told; told != 0 && (told < smallest || told >= 1450) {
			t.Errorf("told %d", told)
		}
	})
}
